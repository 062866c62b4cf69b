/** What the pod network reads of Node objects. */
import { familyOf, formatCIDR, tryParseCIDR } from '../api/addresses.ts';
import type { Node } from '../api/types.gen.ts';
import type { Family } from '../kernel/family.ts';
import type { Peer } from './plan-node.ts';

/** The node's pod CIDR of this family, in canonical form; undefined until the control plane has given one. */
export function podCIDROf(node: Node, family: Family): string | undefined {
  const { podCIDRs, podCIDR } = node.spec ?? {};
  const cidrs = (podCIDRs?.length ? podCIDRs : [podCIDR ?? '']).map(tryParseCIDR);
  const own = cidrs.find((cidr) => cidr?.family === family.version);
  return own === undefined ? undefined : formatCIDR(own);
}

/** The node's own address as its status tells it. */
export function internalIPOf(node: Node, family: Family): string | undefined {
  return (node.status?.addresses ?? []).find(
    ({ type, address }) => type === 'InternalIP' && familyOf(address) === family.version,
  )?.address;
}

/** Nodes with an address, in the order of their names: the same objects give the same rules. */
export function peersOf(nodes: readonly Node[], family: Family): readonly Peer[] {
  return nodes
    .flatMap((node) => {
      const ip = internalIPOf(node, family);
      return ip === undefined ? [] : [{ node: node.metadata.name ?? '', ip, podCIDR: podCIDROf(node, family) }];
    })
    .sort((a, b) => (a.node < b.node ? -1 : 1));
}

/** What of a Node the network depends on: its heartbeats change nothing. */
export function nodePart(node: Node, family: Family): string {
  return `${podCIDROf(node, family)} ${internalIPOf(node, family)}`;
}
