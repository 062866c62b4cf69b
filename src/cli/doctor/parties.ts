/** Who is asked to call whom: chosen out of the cluster's objects. Pure. */
import { familyOf } from '../../api/addresses.ts';
import type { EndpointSlice, Node, Pod, Service } from '../../api/types.gen.ts';

/** One that can be called. Pods and nodes call as well. */
export interface Party {
  readonly kind: 'pod' | 'node' | 'service' | 'outside';
  /** `NAMESPACE/NAME` of what has a namespace. */
  readonly name: string;
  /** Where a pod or a node is. */
  readonly node?: string;
  /** One a family. */
  readonly addresses: readonly string[];
  /** Where a Service and the outside answer TCP; pods and nodes are pinged. */
  readonly port?: number;
  /** Where datagrams are sent to. */
  readonly datagrams?: DatagramPort;
  /** Of a pod, by which its namespace is found. */
  readonly uid?: string;
}

/**
 * `nobody`: no one listens, and the refusal that comes back tells that they arrive; `DNS` answers; `somebody` need not, so only a refusal tells
 * anything.
 */
export interface DatagramPort {
  readonly port: number;
  readonly listener: 'nobody' | 'DNS' | 'somebody';
}

/** The discard service (RFC 863), which is not to be found anywhere. */
const unheard: DatagramPort = { port: 9, listener: 'nobody' };

export interface ClusterObjects {
  readonly nodes: readonly Node[];
  readonly pods: readonly Pod[];
  readonly services: readonly Service[];
  readonly endpointSlices: readonly EndpointSlice[];
}

/** A way that is tried. */
export interface Way {
  readonly from: Party;
  readonly to: Party;
  readonly address: string;
  readonly protocol: 'ICMP' | 'TCP' | 'UDP';
}

/** Where the packets of a way go to; undefined for a ping. */
export function portOf({ to, protocol }: Way): number | undefined {
  return protocol === 'UDP' ? to.datagrams?.port : to.port;
}

/** `outside`: its addresses, of which the families of the nodes count. `perNode`: pods of one node at most, those that are Ready first. */
export function chooseParties(objects: ClusterObjects, perNode: number, outside: readonly string[]): readonly Party[] {
  const machines = objects.nodes.map(nodeParty);
  const families = new Set(machines.flatMap(({ addresses }) => addresses.map(familyOf)));
  const addresses = outside.filter((address) => families.has(familyOf(address)));
  return [
    ...objects.nodes.flatMap(({ metadata: { name = '' } }) => podsOf(objects.pods, name).slice(0, perNode)),
    ...machines,
    ...objects.services.flatMap((service) => servicePart(service, objects.endpointSlices)),
    ...(addresses.length === 0
      ? []
      : [{ kind: 'outside', name: 'outside', addresses, port: 80, datagrams: unheard } as const]),
  ];
}

/** Every pod and node to every other party, in each family that both have: by ping or TCP, and by datagrams. */
export function waysOf(parties: readonly Party[]): readonly Way[] {
  const callers = parties.filter(({ kind }) => kind === 'pod' || kind === 'node');
  return callers.flatMap((from) =>
    parties
      .filter((to) => to !== from)
      .flatMap((to) =>
        sharedAddresses(from, to).flatMap((address) =>
          protocolsOf(to).map((protocol) => ({ from, to, address, protocol })),
        ),
      ),
  );
}

function protocolsOf({ kind, port, datagrams }: Party): readonly Way['protocol'][] {
  const first = kind === 'pod' || kind === 'node' ? 'ICMP' : 'TCP';
  return [
    ...(first === 'TCP' && port === undefined ? [] : ([first] as const)),
    ...(datagrams === undefined ? [] : (['UDP'] as const)),
  ];
}

function sharedAddresses(from: Party, to: Party): readonly string[] {
  const families = new Set(from.addresses.map(familyOf));
  return to.addresses.filter((address) => families.has(familyOf(address)));
}

const nameOf = ({ metadata: { namespace = '', name = '' } }: Pod | Service): string => `${namespace}/${name}`;

const isReady = ({ status }: Pod): boolean =>
  status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') === true;

/** Pods of the host's network have the node's address, and are the node here. */
function podsOf(pods: readonly Pod[], node: string): Party[] {
  const here = pods.filter(
    ({ spec, status, metadata }) =>
      spec?.nodeName === node &&
      spec.hostNetwork !== true &&
      status?.phase === 'Running' &&
      metadata.deletionTimestamp === undefined &&
      status.podIP !== undefined,
  );
  const sorted = [...here.filter(isReady), ...here.filter((pod) => !isReady(pod))];
  return sorted.map((pod) => ({
    kind: 'pod',
    name: nameOf(pod),
    node,
    addresses: pod.status?.podIPs?.flatMap(({ ip }) => ip ?? []) ?? [pod.status?.podIP ?? ''],
    datagrams: unheard,
    uid: pod.metadata.annotations?.['kubernetes.io/config.mirror'] ?? pod.metadata.uid ?? '',
  }));
}

function nodeParty({ metadata: { name = '' }, status }: Node): Party {
  const internal = (status?.addresses ?? []).filter(({ type }) => type === 'InternalIP');
  return { kind: 'node', name, node: name, addresses: internal.map(({ address }) => address), datagrams: unheard };
}

/** Its first ports of TCP and of UDP that somebody is ready to answer at; a Service without any answers nobody, which is no fault of the network. */
function servicePart(service: Service, slices: readonly EndpointSlice[]): Party[] {
  const { spec, metadata } = service;
  const own = slices.filter(
    (slice) =>
      slice.metadata.namespace === metadata.namespace &&
      slice.metadata.labels?.['kubernetes.io/service-name'] === metadata.name,
  );
  const isAnswered = (portName: string | undefined, address: string): boolean =>
    own.some(
      ({ ports, endpoints, addressType }) =>
        addressType === `IPv${familyOf(address)}` &&
        ports?.some(({ name }) => (name ?? '') === (portName ?? '')) === true &&
        endpoints?.some(({ conditions }) => conditions?.ready !== false) === true,
    );
  const clusterIPs = spec?.clusterIPs ?? [spec?.clusterIP ?? 'None'];
  const answered = (wanted: string) =>
    (spec?.ports ?? [])
      .filter(({ protocol = 'TCP' }) => protocol === wanted)
      .map(({ port, name }) => ({
        port,
        addresses: clusterIPs.filter((address) => familyOf(address) !== undefined && isAnswered(name, address)),
      }))
      .find(({ addresses }) => addresses.length > 0);
  const [tcp, udp] = [answered('TCP'), answered('UDP')];
  const { addresses } = tcp ?? udp ?? {};
  if (addresses === undefined) return [];
  const listener = udp?.port === 53 ? 'DNS' : 'somebody';
  return [
    {
      ...{ kind: 'service', name: nameOf(service), addresses },
      ...(tcp === undefined ? {} : { port: tcp.port }),
      ...(udp === undefined ? {} : { datagrams: { port: udp.port, listener } }),
    },
  ];
}
