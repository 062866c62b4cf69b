/**
 * Who there is in the cluster of the cases, and where they stand: two nodes with two pods each, and hosts outside. Everybody
 * has an address of each family.
 *
 * ```
 *   a1 a2          b1 b2        outside, stranger: reach virtual addresses through node-a
 *    └─ node-a      └─ node-b   visitor: through node-b
 *         └──── switch ────┴─── beyond: the default gateway of the nodes; answers for every virtual address that a node passes on
 * ```
 */
import type { Node } from '../../src/api/types.gen.ts';

export const familyNames = ['ipv4', 'ipv6'] as const;
export type FamilyName = (typeof familyNames)[number];
type PerFamily = Readonly<Record<FamilyName, string>>;

export const nodeNames = ['node-a', 'node-b'] as const;
export type NodeName = (typeof nodeNames)[number];
export const podNames = ['a1', 'a2', 'b1', 'b2'] as const;
export type PodName = (typeof podNames)[number];
export const hostNames = ['outside', 'stranger', 'visitor', 'beyond'] as const;
export type HostName = (typeof hostNames)[number];
export type Party = NodeName | PodName | HostName;

const onSwitch = (last: number): PerFamily => ({ ipv4: `192.168.77.${last}`, ipv6: `fd00:99::${last}` });
const onNode = (node: number, last: number): PerFamily => ({
  ipv4: `10.77.${node}.${last}`,
  ipv6: `fd00:77:${node}::${last}`,
});

export const addressesOf: Readonly<Record<Party, PerFamily>> = {
  'node-a': onSwitch(11),
  'node-b': onSwitch(12),
  outside: onSwitch(200),
  stranger: onSwitch(201),
  visitor: onSwitch(202),
  beyond: onSwitch(1),
  a1: onNode(1, 2),
  a2: onNode(1, 3),
  b1: onNode(2, 2),
  b2: onNode(2, 3),
};

/** Of all pods. */
export const clusterCIDRs: PerFamily = { ipv4: '10.77.0.0/16', ipv6: 'fd00:77::/32' };
export const podCIDRsOf: Readonly<Record<NodeName, PerFamily>> = {
  'node-a': { ipv4: '10.77.1.0/24', ipv6: 'fd00:77:1::/64' },
  'node-b': { ipv4: '10.77.2.0/24', ipv6: 'fd00:77:2::/64' },
};
/** A node's address on the bridge of its pods. */
export const gatewaysOf: Readonly<Record<NodeName, PerFamily>> = { 'node-a': onNode(1, 1), 'node-b': onNode(2, 1) };
export const zonesOf: Readonly<Record<NodeName, string>> = { 'node-a': 'zone-1', 'node-b': 'zone-2' };

/** Addresses that exist only in rules: cluster IPs, external IPs, addresses of load balancers. Service `n` has the n-th of each. */
export const virtualRanges = {
  cluster: { ipv4: '10.78.0.0/16', ipv6: 'fd00:78::/112' },
  external: { ipv4: '198.51.100.0/24', ipv6: 'fd00:78:e::/112' },
  loadBalancer: { ipv4: '203.0.113.0/24', ipv6: 'fd00:78:b::/112' },
} as const satisfies Record<string, PerFamily>;

/** What everybody answers on; `beyond` on the ports of Services, too. */
export const serverPorts = { tcp: 8080, otherTcp: 8081, udp: 8053, sctp: 8080 } as const;

/** The node on which a pod is, or which a host sends to. */
export function nodeOf(party: Party): NodeName {
  if (party === 'node-a' || party === 'node-b') return party;
  return party.startsWith('b') && party !== 'beyond' ? 'node-b' : party === 'visitor' ? 'node-b' : 'node-a';
}

export function isPod(party: Party): party is PodName {
  return podNames.some((name) => name === party);
}

/** Every address of a node but loopback's. */
export function nodeAddresses(node: NodeName, family: FamilyName): readonly string[] {
  return [addressesOf[node][family], gatewaysOf[node][family]];
}

export const clusterNodes: readonly Node[] = nodeNames.map((name) => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name, uid: `uid-${name}`, labels: { 'topology.kubernetes.io/zone': zonesOf[name] } },
  spec: { podCIDR: podCIDRsOf[name].ipv4, podCIDRs: [podCIDRsOf[name].ipv4, podCIDRsOf[name].ipv6] },
  status: {
    addresses: familyNames.map((family) => ({ type: 'InternalIP' as const, address: addressesOf[name][family] })),
  },
}));
