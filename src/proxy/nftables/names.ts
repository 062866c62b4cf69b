/** What is ours in nftables: the table, its maps and chains, the mark, and how an object says whom it is for. */
import type { Family } from '../../kernel/family.ts';
import { comment, fitText, hash8, maxComment } from '../../kernel/nft-objects.ts';
import type { TableName } from '../../kernel/nft.ts';
import { portKey, type Protocol, type ServicePort } from '../model/service-port.ts';

export const tableOf = (family: Family): TableName => ({
  family: family.version === 4 ? 'ip' : 'ip6',
  name: 'podwire-services',
});

/** On packets that are to leave with the node's own address. Another bit than the iptables mode's: while a node changes its mode both are there. */
export const masqueradeMark = '0x00040000';
export const clearMark = '0xfffbffff';

/** Numbers, as names need /etc/protocols. */
export const protocolNumbers: Readonly<Record<Protocol, number>> = { tcp: 6, udp: 17, sctp: 132 };

/** Endpoints of pods and this node where the policy of a front is Local: their numbers begin here, in the same map as those for others. */
export const insideOffset = 32_768;

/** Sets and maps whose elements say where a packet goes next; the others are looked up after one of these. */
export const verdictMaps = [
  'services',
  'restricted',
  'inside',
  'outside',
  'node-ports',
  'node-inside',
  'node-outside',
] as const;
export type VerdictMap = (typeof verdictMaps)[number];

/**
 * Chains come in blocks of this many numbers of endpoints, each block with a map of its own: nft 1.0.6 refuses a new rule over a
 * map with a random number in its key once that map was read back from the kernel ("conflicting protocols").
 */
export const blockSize = 32;

/** The block that a list of this length belongs to, named by its largest length. */
export function blockOf(length: number): number {
  return Math.max(1, Math.ceil(length / blockSize)) * blockSize;
}

export const endpointMap = (block: number, node: boolean): string => `${node ? 'node-' : ''}endpoints-${block}`;

/**
 * How a packet came, which says whether its source is kept: to a cluster IP; to an external address or node port; there under
 * policy Local, from a pod or this node (inside) or from elsewhere (pick). A chain is named by way and number of endpoints,
 * `cluster-3`; with affinity by way and port.
 */
export type Way = 'cluster' | 'external' | 'inside' | 'pick';

/** Half of the room each: ` -> ` stands between. */
const half = Math.floor((maxComment - 4) / 2);

/** Of an endpoint: which Service port it is for, and which pod it is. */
export function endpointComment(port: string, pod: string): string {
  return pod === '' ? comment(port) : comment(`${fitText(port, half)} -> ${fitText(pod, half)}`);
}

/** Names the chains and sets of one Service port with affinity. */
export function affinityTail(port: Pick<ServicePort, 'name' | 'protocol'>): string {
  return `affinity-${hash8(portKey(port))}`;
}

/** The clients that stay with one endpoint. The time is part of the name: the kernel cannot change a set's. */
export function affinitySet(tail: string, ip: string, port: number, seconds: number): string {
  return `${tail}-${hash8(`${ip} ${port} ${seconds}`)}`;
}
