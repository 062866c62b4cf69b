/** The endpoints of a Service as DNS sees them: those that are ready, each with its name. Pure. */
import { formatIP, parseIP } from '../../api/addresses.ts';
import type { EndpointSlice } from '../../api/types.gen.ts';

export interface NamedEndpoint {
  /** First label of its name: the pod's hostname, or the address with dashes. */
  readonly label: string;
  readonly ip: string;
  readonly family: 4 | 6;
}

export interface NamedPort {
  readonly name: string;
  /** `tcp`, `udp`, `sctp` */
  readonly protocol: string;
  readonly port: number;
}

/** `10-45-1-2`, `fd00--1`: an address as a label. */
export function dashed(ip: string): string {
  return ip.replaceAll(/[.:]/g, '-');
}

/** Ready ones only; a Service that publishes those that are not has them marked ready in its slices. */
export function endpointsOf(slices: readonly EndpointSlice[]): readonly NamedEndpoint[] {
  const found = new Map<string, NamedEndpoint>();
  for (const { endpoints } of slices) {
    for (const { addresses, conditions, hostname } of endpoints ?? []) {
      const address = parseIP(addresses[0] ?? '');
      if (address === undefined || conditions?.ready === false) continue;
      const ip = formatIP(address);
      found.set(ip, { label: hostname ? hostname.toLowerCase() : dashed(ip), ip, family: address.family });
    }
  }
  return [...found.values()];
}

/** The ports that slices of a Service name, each once. */
export function portsOf(slices: readonly EndpointSlice[]): readonly NamedPort[] {
  const found = new Map<string, NamedPort>();
  for (const { ports } of slices) {
    for (const { name = '', protocol = 'TCP', port } of ports ?? []) {
      if (port !== undefined)
        found.set(`${name}/${protocol}/${port}`, { name, protocol: protocol.toLowerCase(), port });
    }
  }
  return [...found.values()];
}
