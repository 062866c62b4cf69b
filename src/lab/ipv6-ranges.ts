/** Ranges of the IPv6 half of a lab. Pure. */
import { formatCIDR, nthSubnet, overlaps, parseCIDR } from '../api/addresses.ts';

export const ipFamilies = ['ipv4', 'ipv6', 'dual'] as const;
export type IpFamily = (typeof ipFamilies)[number];

export interface Ipv6Ranges {
  /** Each segment has a /64 of it. */
  readonly nodeCIDR: string;
  readonly podCIDR: string;
  readonly serviceCIDR: string;
}

/** A node's part of the pod range, and a segment's of the node range. */
export const partLength = 64;
/** The limits of the API server's allocator, and of what a lab needs: kubernetes, DNS, and some more. */
const serviceLengths = { min: 108, max: 120 } as const;

/**
 * Ranges of a lab that asks for none: of the unique local addresses (RFC 4193), with the first address of its IPv4 node range inside, which
 * no other lab of this host has.
 */
export function ipv6RangesFor(nodeCIDR: string): Ipv6Ranges {
  const { base } = parseCIDR(nodeCIDR);
  const site = { family: 6, base: (0xfd44n << 112n) | (base << 80n), prefixLength: 48 } as const;
  return {
    nodeCIDR: formatCIDR(nthSubnet(site, 62, 0)),
    podCIDR: formatCIDR(nthSubnet(site, 56, 1)),
    serviceCIDR: formatCIDR(nthSubnet(nthSubnet(site, partLength, 0x10), 112, 0)),
  };
}

/** Which range will not do and why; undefined when all will. */
export function ipv6Problem(ranges: Ipv6Ranges, segments: number): string | undefined {
  const [nodes, pods, services] = [ranges.nodeCIDR, ranges.podCIDR, ranges.serviceCIDR].map(parseCIDR);
  if (nodes === undefined || pods === undefined || services === undefined) return undefined;
  const { min, max } = serviceLengths;
  if (overlaps(nodes, pods) || overlaps(nodes, services) || overlaps(pods, services))
    return `${Object.values(ranges).join(', ')}: they overlap, choose ranges apart`;
  if (nodes.prefixLength > partLength - Math.ceil(Math.log2(segments)))
    return `${ranges.nodeCIDR}: each segment needs a /64 of it`;
  if (pods.prefixLength > 56) return `${ranges.podCIDR}: each node needs a /64 of it, so a /56 or more`;
  if (services.prefixLength < min || services.prefixLength > max)
    return `${ranges.serviceCIDR}: Services need a range of length ${min} to ${max}, such as a /112`;
  return undefined;
}
