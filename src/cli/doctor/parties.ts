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
  /** Where a Service and the outside answer TCP; the others are pinged. */
  readonly port?: number;
  /** Of a pod, by which its namespace is found. */
  readonly uid?: string;
}

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
}

/** `outside`: its address; undefined when there is none. `perNode`: pods of one node at most, those that are Ready first. */
export function chooseParties(objects: ClusterObjects, perNode: number, outside: string | undefined): readonly Party[] {
  return [
    ...objects.nodes.flatMap(({ metadata: { name = '' } }) => podsOf(objects.pods, name).slice(0, perNode)),
    ...objects.nodes.map(nodeParty),
    ...objects.services.flatMap((service) => servicePart(service, objects.endpointSlices)),
    ...(outside === undefined ? [] : [{ kind: 'outside', name: 'outside', addresses: [outside], port: 80 } as const]),
  ];
}

/** Every pod and node to every other party, in each family that both have. */
export function waysOf(parties: readonly Party[]): readonly Way[] {
  const callers = parties.filter(({ kind }) => kind === 'pod' || kind === 'node');
  return callers.flatMap((from) =>
    parties
      .filter((to) => to !== from)
      .flatMap((to) => sharedAddresses(from, to).map((address) => ({ from, to, address }))),
  );
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
    uid: pod.metadata.annotations?.['kubernetes.io/config.mirror'] ?? pod.metadata.uid ?? '',
  }));
}

function nodeParty({ metadata: { name = '' }, status }: Node): Party {
  const internal = (status?.addresses ?? []).filter(({ type }) => type === 'InternalIP');
  return { kind: 'node', name, node: name, addresses: internal.map(({ address }) => address) };
}

/** Its first TCP port that somebody is ready to answer at; a Service without one answers nobody, which is no fault of the network. */
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
  for (const { protocol = 'TCP', port, name } of spec?.ports ?? []) {
    const addresses = clusterIPs.filter((address) => familyOf(address) !== undefined && isAnswered(name, address));
    if (protocol === 'TCP' && addresses.length > 0)
      return [{ kind: 'service', name: nameOf(service), addresses, port }];
  }
  return [];
}
