/** Where a Service port listens, and who keeps an address that two of them claim. Pure. */
import type { ServicePort, TrafficPolicy } from '../model/service-port.ts';
import { protocolNumbers } from './names.ts';

/** One address (or every address of the node) and port number that packets are sent to. */
export interface Front {
  /** As the key of a map: `10.0.0.1 . 6 . 80`, or `6 . 30080` for a node port. */
  readonly key: string;
  readonly kind: 'cluster' | 'external' | 'node';
  readonly policy: TrafficPolicy;
  /** Who may use it; undefined: everybody. */
  readonly sourceRanges: readonly string[] | undefined;
}

/** The fronts of a port, each key once: cluster IPs, a load balancer's addresses, external IPs, the node port. */
export function frontsOf(port: ServicePort): readonly Front[] {
  const protocol = protocolNumbers[port.protocol];
  const key = (address: string): string => `${address} . ${protocol} . ${port.port}`;
  const outer = { policy: port.externalPolicy, sourceRanges: undefined };
  const all: Front[] = [
    ...port.clusterIPs.map((ip): Front => ({ ...outer, key: key(ip), kind: 'cluster', policy: port.internalPolicy })),
    ...port.loadBalancerIPs.map((ip): Front => ({
      ...outer,
      key: key(ip),
      kind: 'external',
      sourceRanges: port.sourceRanges,
    })),
    ...port.externalIPs.map((ip): Front => ({ ...outer, key: key(ip), kind: 'external' })),
  ];
  if (port.nodePort !== undefined) all.push({ ...outer, key: `${protocol} . ${port.nodePort}`, kind: 'node' });
  if (all.length < 2) return all;
  return [...new Map(all.toReversed().map((front) => [front.key, front])).values()].toReversed();
}

/** Lower wins: a cluster IP is the allocator's, anybody can write an external IP. */
const ranks = { cluster: 0, node: 1, external: 2 } as const;

/** Who claims what. One owner a key: the lower kind, then the first name. */
export interface Claims {
  /** Takes these ports' fronts in the place of those; tells the other Services whose fronts have won or lost by it. */
  replace(before: readonly ServicePort[], after: readonly ServicePort[]): ReadonlySet<string>;
  owns(port: ServicePort, front: Front): boolean;
}

const claimOf = (port: ServicePort, { kind }: Front): string => `${ranks[kind]}${port.name}`;
const serviceOf = (claim: string): string => claim.slice(1).replace(/:[^:]*$/, '');

export function createClaims(): Claims {
  /** One claim as it is, several as a sorted list. */
  const claims = new Map<string, string | readonly string[]>();
  const listOf = (key: string): readonly string[] => {
    const found = claims.get(key);
    return found === undefined ? [] : typeof found === 'string' ? [found] : found;
  };
  const put = (key: string, list: readonly string[]): void => {
    const [first] = list;
    if (first === undefined) claims.delete(key);
    else claims.set(key, list.length === 1 ? first : list);
  };
  const change = (
    ports: readonly ServicePort[],
    touched: Set<string>,
    next: (list: readonly string[], claim: string) => readonly string[],
  ): void => {
    for (const port of ports)
      for (const front of frontsOf(port)) {
        const list = listOf(front.key);
        const claim = claimOf(port, front);
        put(front.key, next(list, claim));
        for (const other of list) if (other !== claim) touched.add(serviceOf(other));
      }
  };
  return {
    replace: (before, after) => {
      const touched = new Set<string>();
      change(before, touched, (list, claim) => list.filter((one) => one !== claim));
      change(after, touched, (list, claim) => [...new Set([...list, claim])].sort());
      return touched;
    },
    owns: (port, front) => listOf(front.key)[0] === claimOf(port, front),
  };
}
