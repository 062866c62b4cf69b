/** Who has which address in a lab of one family or two, and which ranges the cluster is told. Pure. */
import { formatCIDR, nthAddress, nthSubnet, offsetOf, parseCIDR } from '../api/addresses.ts';
import {
  apiPort,
  controlPlaneName,
  hostAddress,
  loadBalancerCIDR,
  machineNamed,
  outsideGateway,
  routerAddress,
  segmentCIDR,
  segmentsOf,
  type LabConfig,
  type Machine,
} from './config.ts';
import { partLength } from './ipv6-ranges.ts';

/** Where the outside answers besides its IPv4 address: a range for documentation as well (RFC 3849). */
export const outsideRange6 = '2001:db8::/64';
export const outsideAddress6 = '2001:db8::1';

/** The address in the same place of the IPv6 range of a segment; undefined in a lab without IPv6. */
function twin(config: LabConfig, segment: number, address: string): string | undefined {
  const place = offsetOf(parseCIDR(segmentCIDR(config, segment)), address);
  if (config.ipv6 === undefined || place === undefined) return undefined;
  return nthAddress(nthSubnet(parseCIDR(config.ipv6.nodeCIDR), partLength, segment - 1), place);
}

/** A machine's IPv6 address; its IPv4 one is a field. */
export function machineAddress6(config: LabConfig, { segment, address }: Machine): string | undefined {
  return twin(config, segment, address);
}

/** See {@link routerAddress}. */
export function routerAddress6(config: LabConfig, segment: number): string | undefined {
  return twin(config, segment, routerAddress(config, segment));
}

/** See {@link hostAddress}. */
export function hostAddress6(config: LabConfig): string | undefined {
  return twin(config, 1, hostAddress(config));
}

/** See {@link outsideGateway}. */
export function outsideGateway6(config: LabConfig): string | undefined {
  return twin(config, 1, outsideGateway(config));
}

/** All of its segments, for a route. */
export function nodeRange6({ ipv6 }: LabConfig): string | undefined {
  return ipv6 === undefined ? undefined : formatCIDR(parseCIDR(ipv6.nodeCIDR));
}

/** In the cluster's order: of two families IPv4 is the first. */
function inOrder({ ipFamily = 'ipv4' }: LabConfig, ipv4: string, ipv6: string | undefined): string[] {
  const first = ipFamily === 'ipv6' ? [] : [ipv4];
  return ipFamily === 'ipv4' || ipv6 === undefined ? first : [...first, ipv6];
}

/** The addresses that the cluster knows a machine by, one a family. */
export function clusterAddresses(config: LabConfig, machine: Machine): string[] {
  return inOrder(config, machine.address, machineAddress6(config, machine));
}

export function podCIDRs(config: LabConfig): string[] {
  return inOrder(config, config.podCIDR, config.ipv6?.podCIDR);
}

export function serviceCIDRs(config: LabConfig): string[] {
  return inOrder(config, config.serviceCIDR, config.ipv6?.serviceCIDR);
}

/** The addresses of load balancers that a segment has: of IPv6 those in the same places. */
function loadBalancerCIDRs(config: LabConfig, segment: number): string[] {
  const range = loadBalancerCIDR(config, segment);
  const { prefixLength } = parseCIDR(range);
  const base = twin(config, segment, nthAddress(parseCIDR(range), 0));
  return inOrder(config, range, base === undefined ? undefined : `${base}/${prefixLength + 96}`);
}

/** What the cluster is told: those of each segment, and behind an @ where the machines that can answer for them have their addresses. */
export function loadBalancerRanges(config: LabConfig): string {
  const segments = segmentsOf(config);
  const [alone, ...others] = segments.map((segment) => loadBalancerCIDRs(config, segment).join());
  if (others.length === 0) return alone ?? '';
  return segments
    .map((segment) => `${loadBalancerCIDRs(config, segment).join()}@${segmentCIDRs(config, segment).join()}`)
    .join(';');
}

function segmentCIDRs(config: LabConfig, segment: number): string[] {
  const { ipv6 } = config;
  const part = ipv6 && formatCIDR(nthSubnet(parseCIDR(ipv6.nodeCIDR), partLength, segment - 1));
  return inOrder(config, segmentCIDR(config, segment), part);
}

/** Where the Service of the cluster's DNS is: the 10th address, as other clusters have it; one a family. */
export function dnsAddresses(config: LabConfig): string[] {
  return serviceCIDRs(config).map((cidr) => nthAddress(parseCIDR(cidr), 10));
}

/** The ClusterIPs that the kubernetes Service may have. */
export function apiServiceAddresses(config: LabConfig): string[] {
  return serviceCIDRs(config).map((cidr) => nthAddress(parseCIDR(cidr), 1));
}

export function apiServerUrl(config: LabConfig): string {
  const [address = ''] = clusterAddresses(config, machineNamed(config, controlPlaneName));
  return `https://${address.includes(':') ? `[${address}]` : address}:${apiPort}`;
}
