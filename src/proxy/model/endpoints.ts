/** EndpointSlices turned into the endpoints of one Service port. Pure. */
import { formatIP, parseIP } from '../../api/addresses.ts';
import type { EndpointSlice } from '../../api/types.gen.ts';
import type { Endpoint, Protocol } from './service-port.ts';

/** An endpoint with what decides whether it is used. */
export interface Candidate extends Endpoint {
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
  /** Nodes and zones that this endpoint is meant for; empty: nothing is said. */
  readonly forNodes: readonly string[];
  readonly forZones: readonly string[];
}

/** Where this node stands. */
export interface Whereabouts {
  readonly nodeName: string;
  /** Its label `topology.kubernetes.io/zone`. */
  readonly zone?: string | undefined;
  /** UIDs of pods that count as terminating already, whatever their EndpointSlices say. */
  readonly leaving?: ReadonlySet<string> | undefined;
}

type SliceEndpoint = NonNullable<EndpointSlice['endpoints']>[number];

/**
 * What is said of an endpoint; a pod of this node that is about to be stopped leaves before its slices say so. Once they do they are
 * believed: one that ends and is ready all the same belongs to a Service that publishes all its addresses.
 */
function conditionsOf(
  { conditions, targetRef }: SliceEndpoint,
  leaving: ReadonlySet<string> | undefined,
): Pick<Candidate, 'ready' | 'serving' | 'terminating'> {
  const ready = conditions?.ready ?? true;
  const serving = conditions?.serving ?? ready;
  const terminating = conditions?.terminating ?? false;
  const isFirst = !terminating && leaving?.has(targetRef?.uid ?? '') === true;
  return isFirst ? { ready: false, serving, terminating: true } : { ready, serving, terminating };
}

function candidateOf(endpoint: SliceEndpoint, port: number, where: Whereabouts): Candidate | undefined {
  // An API server may send several addresses; the API says that only the first one counts.
  const address = parseIP(endpoint.addresses[0] ?? '');
  if (address === undefined) return undefined;
  const { targetRef, hints } = endpoint;
  return {
    ip: formatIP(address),
    port,
    local: endpoint.nodeName === where.nodeName,
    pod: targetRef?.kind === 'Pod' ? `${targetRef.namespace ?? ''}/${targetRef.name ?? ''}` : '',
    ...conditionsOf(endpoint, where.leaving),
    forNodes: hints?.forNodes?.map(({ name }) => name) ?? [],
    forZones: hints?.forZones?.map(({ name }) => name) ?? [],
  };
}

/** The endpoints of the port that slices of one family name, as often as they name them. */
export function candidatesOf(
  slices: readonly EndpointSlice[],
  portName: string,
  protocol: Protocol,
  where: Whereabouts,
): Candidate[] {
  return slices.flatMap((slice) =>
    (slice.ports ?? []).flatMap(({ name, protocol: theirs, port }) =>
      port !== undefined && (name ?? '') === portName && (theirs ?? 'TCP').toLowerCase() === protocol
        ? (slice.endpoints ?? []).flatMap((endpoint) => candidateOf(endpoint, port, where) ?? [])
        : [],
    ),
  );
}

/**
 * Those near this node where every ready endpoint says whom it is for, and somebody is for this node (KEP-2433, KEP-3015): its
 * own node before its own zone. All of them otherwise: a hint that is missing means that the slices are being changed.
 */
function near(candidates: readonly Candidate[], { nodeName, zone }: Whereabouts): readonly Candidate[] {
  const ready = candidates.filter((one) => one.ready);
  const forMe = (hints: (one: Candidate) => readonly string[], me: string | undefined): boolean =>
    me !== undefined && ready.every((one) => hints(one).length > 0) && ready.some((one) => hints(one).includes(me));
  if (forMe((one) => one.forNodes, nodeName)) return candidates.filter((one) => one.forNodes.includes(nodeName));
  if (zone !== undefined && forMe((one) => one.forZones, zone))
    return candidates.filter((one) => one.forZones.includes(zone));
  return candidates;
}

/** By address as a number, then by port. */
function inOrder(endpoints: readonly Endpoint[]): Endpoint[] {
  return endpoints
    .map((endpoint) => ({ endpoint, value: parseIP(endpoint.ip)?.value ?? 0n }))
    .sort((a, b) => (a.value < b.value ? -1 : a.value > b.value ? 1 : a.endpoint.port - b.endpoint.port))
    .map(({ endpoint }) => endpoint);
}

/** Each address and port once, in the order of addresses. */
function distinct(candidates: readonly Candidate[]): Endpoint[] {
  const found = new Map<string, Endpoint>();
  for (const { ip, port, local, pod } of candidates) found.set(`${ip} ${port}`, { ip, port, local, pod });
  return found.size < 2 ? [...found.values()] : inOrder([...found.values()]);
}

/** Ready ones; when there is none, those that end but still serve (KEP-1669). */
function usable(candidates: readonly Candidate[]): readonly Candidate[] {
  const ready = candidates.filter((one) => one.ready);
  return ready.length > 0 ? ready : candidates.filter((one) => one.serving && one.terminating);
}

/** Who answers under policy Cluster, under policy Local, and in flows that are there already. */
export interface Answering {
  readonly endpoints: readonly Endpoint[];
  readonly localEndpoints: readonly Endpoint[];
  readonly serving: readonly Endpoint[];
}

/** Sorts candidates by who may be given a new flow. */
export function answering(candidates: readonly Candidate[], where: Whereabouts): Answering {
  const isPlain = candidates.every(({ ready, forNodes, forZones }) => ready && forNodes.length + forZones.length === 0);
  const endpoints = distinct(isPlain ? candidates : usable(near(candidates, where)));
  return {
    endpoints,
    localEndpoints: distinct(usable(candidates.filter((one) => one.local))),
    serving: isPlain ? endpoints : distinct(candidates.filter((one) => one.ready || one.serving)),
  };
}
