/** Names, aliases and hardware addresses: how kernel objects of the pod network say whom they are for. */
import { createHash } from 'node:crypto';
import { parseIP } from '../api/addresses.ts';
import type { PodBandwidth, PodIdentity } from './contract.ts';

export const bridgeName = 'pw0';
/** The VXLAN link to nodes that a plain route does not reach. */
export const overlayName = 'pwvx0';
/** Its network number (VNI), the same on all nodes. */
export const overlayId = 78;
/** The `proto` number of our routes; not one of /etc/iproute2/rt_protos. */
export const routeProtocol = 78;
/** The link group of ours that links are in for the moment in which they go. */
export const doomedGroup = 787_878;
/** The handle of our queueing disciplines, which have no room for a name: they are told by it and by the link they stand on. */
export const trafficHandle = '78:';
/** The name of a pod's link inside its namespace, unless a CNI runtime asks for another. */
export const podInterface = 'eth0';

/** The pod a link or namespace was made for, as its alias tells. */
export interface PodMark {
  /** `namespace/name` */
  readonly pod: string;
  readonly uid: string;
  readonly attempt: number;
  readonly ips: readonly string[];
  /** Of its link inside, where it is not `eth0`. */
  readonly ifname?: string;
  readonly bandwidth?: PodBandwidth;
}

export interface PodNames {
  readonly netns: string;
  /** The end of the veth pair on the node. */
  readonly link: string;
}

/** `pw-1a2b3c4d` and `pw1a2b3c4d`: 8 hex digits of a hash over UID and attempt; a link name has room for 15. */
export function podNames({ uid, attempt }: Pick<PodIdentity, 'uid' | 'attempt'>): PodNames {
  const hash = createHash('sha256').update(`${uid}/${attempt}`).digest('hex').slice(0, 8);
  return { netns: `pw-${hash}`, link: `pw${hash}` };
}

/** `pwi1a2b3c4d`: the ifb link that packets of the pod behind this link pass, when there is a limit to them. */
export function shaperOf(link: string): string {
  return link.replace(/^pw/, 'pwi');
}

/** Longest alias the kernel takes is 255 bytes; what is for machines stands behind, so the name is what is cut. */
const maxAlias = 255;
const plain = (text: string): string => text.replaceAll(/[^\w./:=,-]/g, '_');

const directions = ['ingress', 'egress'] as const;

/** `podwire:NAMESPACE/NAME:UID attempt=N ip=A[,B][ ifname=NAME][ ingress=BITS][ egress=BITS]`: all that is needed to adopt the link. */
export function podAlias({ pod, uid, attempt, ips, ifname, bandwidth = {} }: PodMark): string {
  const limits = directions.flatMap((way) => (bandwidth[way] === undefined ? [] : [` ${way}=${bandwidth[way]}`]));
  const inside = ifname === undefined ? '' : ` ifname=${plain(ifname)}`;
  const tail = `:${plain(uid)} attempt=${attempt} ip=${ips.map(plain).join(',')}${inside}${limits.join('')}`;
  return `podwire:${plain(pod).slice(0, maxAlias - 'podwire:'.length - tail.length)}${tail}`;
}

/** Undefined for an alias that is not ours. */
export function parsePodAlias(alias: string | undefined): PodMark | undefined {
  const pattern =
    /^podwire:([^:]+):(\S+) attempt=(\d+) ip=(\S+?)(?: ifname=(\S+?))?(?: ingress=(\d+))?(?: egress=(\d+))?$/;
  const match = pattern.exec(alias ?? '');
  if (match === null) return undefined;
  const [, pod = '', uid = '', attempt = '', ips = '', ifname, ingress, egress] = match;
  const mark = { pod, uid, attempt: Number(attempt), ips: ips.split(','), ...(ifname && { ifname }) };
  if (!ingress && !egress) return mark;
  const limits = { ...(ingress && { ingress: Number(ingress) }), ...(egress && { egress: Number(egress) }) };
  return { ...mark, bandwidth: limits };
}

/** `podwire:node/NAME`. */
export function bridgeAlias(nodeName: string): string {
  return `podwire:node/${plain(nodeName)}`;
}

/**
 * A locally administered hardware address made from an address of either family: so neighbours are known without asking, and
 * stay true when a link is made anew. The four words of an IPv6 address lie one over another, so no two of one /96 share one.
 */
export function macOf(ip: string): string {
  const value = parseIP(ip)?.value ?? 0n;
  const word = [96n, 64n, 32n, 0n].reduce((all, shift) => all ^ ((value >> shift) & 0xffffffffn), 0n);
  const bytes = [24n, 16n, 8n, 0n].map((shift) => ((word >> shift) & 0xffn).toString(16).padStart(2, '0'));
  return ['0a', '58', ...bytes].join(':');
}
