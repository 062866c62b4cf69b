/**
 * A network that nodes stand on, with its addresses for load balancers: who does not stand there cannot answer for them. All addresses of
 * a Service are of one segment, since one node answers for them. Pure but for the pools.
 */
import { contains, parseCIDR } from '../../api/addresses.ts';
import { keyOf } from '../../api/informer.ts';
import type { Node, Service } from '../../api/types.gen.ts';
import { AddressPool } from './address-pool.ts';
import { addressesOf, chooseAddresses, type Choice } from './choose-addresses.ts';
import { chooseNode, type Candidates } from './choose-node.ts';

export interface LoadBalancerRange {
  /** Addresses that are given to Services; one range a family at most. */
  readonly cidrs: readonly string[];
  /** Ranges of the addresses of nodes that stand there; left out: all nodes do. */
  readonly nodes?: readonly string[];
}

/** The addresses that the cluster knows a node by. */
export const nodeAddresses = ({ status }: Node): string[] =>
  (status?.addresses ?? []).flatMap(({ type, address }) => (type === 'InternalIP' ? [address] : []));

export class Segment {
  readonly pools: readonly AddressPool[];
  /** Who stands there. */
  readonly has: (node: Node) => boolean;

  /** Throws for what is no range. */
  constructor({ cidrs, nodes }: LoadBalancerRange) {
    this.pools = cidrs.map((cidr) => new AddressPool(cidr));
    const ranges = nodes?.map(parseCIDR);
    this.has = (node) =>
      ranges === undefined || nodeAddresses(node).some((ip) => ranges.some((range) => contains(range, ip)));
  }

  contains(address: string): boolean {
    return this.pools.some((pool) => pool.contains(address));
  }
}

/** Where the Service is or asks to be; else the segment of the node that would answer for it, and then the others. */
function inOrder(service: Service, segments: readonly Segment[], candidates: Candidates): readonly Segment[] {
  const { loadBalancerIP: asked = '' } = service.spec ?? {};
  const there = asked === '' ? addressesOf(service) : [asked];
  const bound = segments.find((segment) => there.some((address) => segment.contains(address)));
  if (bound !== undefined) return [bound];
  const name = chooseNode(service, keyOf(service), undefined, candidates);
  const node = candidates.nodes.find(({ metadata }) => metadata.name === name);
  return node === undefined ? segments : segments.toSorted((a, b) => Number(b.has(node)) - Number(a.has(node)));
}

export interface Place extends Choice {
  /** Undefined when no node of the segment can answer. */
  readonly node: string | undefined;
}

/** Addresses for a Service and the node that answers for them; `current` is the one that does. */
export function choosePlace(
  service: Service,
  segments: readonly Segment[],
  current: string | undefined,
  candidates: Candidates,
): Place {
  let place: Place = { addresses: [], problem: undefined, node: undefined };
  for (const [index, segment] of inOrder(service, segments, candidates).entries()) {
    const { addresses, problem } = chooseAddresses(service, segment.pools);
    const near = { ...candidates, nodes: candidates.nodes.filter(segment.has) };
    const [first] = addresses;
    const node = first === undefined ? undefined : chooseNode(service, first, current, near);
    if (index === 0 || problem === undefined) place = { addresses, problem, node };
    if (problem === undefined) return place;
  }
  return place;
}
