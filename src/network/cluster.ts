/** What the pod network reads of Node objects. */
import { familyOf, formatCIDR, tryParseCIDR } from '../api/addresses.ts';
import type { Node } from '../api/types.gen.ts';
import { families, type Family } from '../kernel/family.ts';
import type { Peer } from './plan-node.ts';

/** The node's pod CIDRs in canonical form, the first of each family, in the order of the cluster's families. */
export function podCIDRsOf(node: Node): readonly string[] {
  const { podCIDRs, podCIDR } = node.spec ?? {};
  const cidrs = (podCIDRs?.length ? podCIDRs : [podCIDR ?? '']).flatMap((text) => tryParseCIDR(text) ?? []);
  return cidrs
    .filter(({ family }, index) => cidrs.findIndex((one) => one.family === family) === index)
    .map((cidr) => formatCIDR(cidr));
}

/** The node's own address as its status tells it. */
export function internalIPOf(node: Node, family: Family): string | undefined {
  return (node.status?.addresses ?? []).find(
    ({ type, address }) => type === 'InternalIP' && familyOf(address) === family.version,
  )?.address;
}

function peerOf(node: Node, family: Family): readonly Peer[] {
  const ip = internalIPOf(node, family);
  const podCIDR = podCIDRsOf(node).find((cidr) => tryParseCIDR(cidr)?.family === family.version);
  return ip === undefined ? [] : [{ node: node.metadata.name ?? '', ip, podCIDR }];
}

/** Every node once for each family that it has an address of, in the order of their names: the same objects give the same rules. */
export function peersOf(nodes: readonly Node[]): readonly Peer[] {
  const sorted = [...nodes].sort((a, b) => ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1));
  return families.flatMap((family) => sorted.flatMap((node) => peerOf(node, family)));
}

/** What of a Node the network depends on: its heartbeats change nothing. */
export function nodePart(node: Node): string {
  return [...podCIDRsOf(node), ...families.map((family) => internalIPOf(node, family))].join(' ');
}
