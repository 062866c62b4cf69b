/**
 * Services and EndpointSlices turned into a load-balancing table: who listens where, and which endpoints answer. Pure; the
 * same table feeds every back end.
 */
import { familyOf, parseIP } from '../api/addresses.ts';
import { keyOf } from '../api/informer.ts';
import type { EndpointSlice, Service } from '../api/types.gen.ts';
import type { Family } from '../kernel/family.ts';

export type Protocol = 'tcp' | 'udp' | 'sctp';
export type TrafficPolicy = 'Cluster' | 'Local';

export interface Endpoint {
  readonly ip: string;
  readonly port: number;
  /** On this node. */
  readonly local: boolean;
  /** `namespace/name` of the pod behind it; empty when the slice names none. */
  readonly pod: string;
}

/** One port of one Service. */
export interface ServicePort {
  /** `namespace/name:port`, or `namespace/name` for a port without a name. */
  readonly name: string;
  readonly service: string;
  readonly protocol: Protocol;
  readonly clusterIPs: readonly string[];
  readonly port: number;
  readonly externalIPs: readonly string[];
  readonly nodePort: number | undefined;
  readonly internalPolicy: TrafficPolicy;
  readonly externalPolicy: TrafficPolicy;
  /** Where traffic of policy Cluster goes: ready ones, or those that still serve while they end when none is ready. */
  readonly endpoints: readonly Endpoint[];
  /** The same for policy Local, of this node only. */
  readonly localEndpoints: readonly Endpoint[];
}

export interface TableInput {
  readonly services: readonly Service[];
  readonly slicesOf: (serviceKey: string) => readonly EndpointSlice[];
  readonly nodeName: string;
  readonly family: Family;
  /** UIDs of pods that count as terminating already, whatever their EndpointSlices say. */
  readonly leaving?: ReadonlySet<string>;
}

/** Set on a Service that another proxy serves, or on Endpoints of a headless one. */
const proxyNameLabel = 'service.kubernetes.io/service-proxy-name';
const headlessLabel = 'service.kubernetes.io/headless';
/** On an EndpointSlice: the Service it belongs to. */
export const serviceNameLabel = 'kubernetes.io/service-name';

/** The `namespace/name` of the Service a slice belongs to. */
export function serviceKeyOf(slice: EndpointSlice): string | undefined {
  const name = slice.metadata.labels?.[serviceNameLabel];
  return name === undefined ? undefined : `${slice.metadata.namespace ?? ''}/${name}`;
}

type Endpoints = NonNullable<EndpointSlice['endpoints']>;

/** An endpoint with the conditions that decide whether it is used. */
interface Candidate extends Endpoint {
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
}

const byAddress = (a: Endpoint, b: Endpoint): number => {
  const [left, right] = [parseIP(a.ip)?.value ?? 0n, parseIP(b.ip)?.value ?? 0n];
  return left < right ? -1 : left > right ? 1 : a.port - b.port;
};

/** What is said of an endpoint; a pod of this node that is about to be stopped leaves before its slices say so. */
function conditionsOf(
  { conditions, targetRef }: Endpoints[number],
  leaving: ReadonlySet<string> | undefined,
): Pick<Candidate, 'ready' | 'serving' | 'terminating'> {
  const ready = conditions?.ready ?? true;
  const serving = conditions?.serving ?? ready;
  if (leaving?.has(targetRef?.uid ?? '') === true) return { ready: false, serving, terminating: true };
  return { ready, serving, terminating: conditions?.terminating ?? false };
}

function candidatesOf(
  slice: EndpointSlice,
  portName: string,
  protocol: Protocol,
  { nodeName, leaving }: TableInput,
): Candidate[] {
  const ports = (slice.ports ?? []).filter(
    (port) => (port.name ?? '') === portName && (port.protocol ?? 'TCP').toLowerCase() === protocol,
  );
  return ports.flatMap(({ port }) =>
    port === undefined
      ? []
      : (slice.endpoints ?? []).flatMap((endpoint) => {
          const { addresses, nodeName: node, targetRef } = endpoint;
          // An API server may send several addresses; the API says that only the first one counts.
          const ip = addresses[0];
          if (ip === undefined) return [];
          const pod = targetRef?.kind === 'Pod' ? `${targetRef.namespace ?? ''}/${targetRef.name ?? ''}` : '';
          return [{ ip, port, local: node === nodeName, pod, ...conditionsOf(endpoint, leaving) }];
        }),
  );
}

/** Ready ones; when there is none, those that end but still serve (KEP-1669). */
function usable(candidates: readonly Candidate[]): Endpoint[] {
  const ready = candidates.filter((one) => one.ready);
  const chosen = ready.length > 0 ? ready : candidates.filter((one) => one.serving && one.terminating);
  const unique = new Map<string, Endpoint>();
  for (const { ip, port, local, pod } of chosen) unique.set(`${ip} ${port}`, { ip, port, local, pod });
  return [...unique.values()].sort(byAddress);
}

function isProxied({ spec, metadata }: Service): boolean {
  const labels = metadata.labels ?? {};
  const ip = spec?.clusterIP ?? '';
  return (
    ip !== '' &&
    ip !== 'None' &&
    spec?.type !== 'ExternalName' &&
    !(proxyNameLabel in labels) &&
    !(headlessLabel in labels)
  );
}

function portsOf(service: Service, input: TableInput): ServicePort[] {
  const { slicesOf, family } = input;
  const key = keyOf(service);
  const { spec } = service;
  const ofFamily = (addresses: readonly string[] | undefined): string[] =>
    (addresses ?? []).filter((address) => familyOf(address) === family.version);
  const clusterIPs = ofFamily(spec?.clusterIPs?.length ? spec.clusterIPs : [spec?.clusterIP ?? '']);
  if (clusterIPs.length === 0) return [];
  const slices = slicesOf(key).filter((slice) => slice.addressType === (family.version === 4 ? 'IPv4' : 'IPv6'));
  return (spec?.ports ?? []).map((port): ServicePort => {
    const protocol = (port.protocol ?? 'TCP').toLowerCase() as Protocol;
    const candidates = slices.flatMap((slice) => candidatesOf(slice, port.name ?? '', protocol, input));
    return {
      name: port.name ? `${key}:${port.name}` : key,
      service: key,
      protocol,
      clusterIPs,
      port: port.port,
      externalIPs: ofFamily(spec?.externalIPs),
      nodePort: port.nodePort || undefined,
      internalPolicy: spec?.internalTrafficPolicy === 'Local' ? 'Local' : 'Cluster',
      externalPolicy: spec?.externalTrafficPolicy === 'Local' ? 'Local' : 'Cluster',
      endpoints: usable(candidates),
      localEndpoints: usable(candidates.filter((one) => one.local)),
    };
  });
}

/** The whole table, in the order of the Services' names: the same objects give the same table. */
export function loadBalancingTable(input: TableInput): readonly ServicePort[] {
  return input.services
    .filter(isProxied)
    .map((service) => ({ service, key: keyOf(service) }))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .flatMap(({ service }) => portsOf(service, input));
}
