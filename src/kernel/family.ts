/** IPv4 and IPv6 take one path; what differs between them stands here as a value. */

export interface Family {
  readonly name: 'ipv4' | 'ipv6';
  readonly version: 4 | 6;
  /** The flag of iproute2. */
  readonly ipFlag: '-4' | '-6';
  /** What the programs of iptables begin with: `iptables-save`, `ip6tables-legacy-restore`. */
  readonly tool: 'iptables' | 'ip6tables';
  readonly save: string;
  readonly restore: string;
  /** Bits of an address. */
  readonly bits: 32 | 128;
  /** All bits of an address, as a mask. */
  readonly fullMask: string;
  /** What a refused datagram is answered with (`REJECT --reject-with`). */
  readonly portUnreachable: 'icmp-port-unreachable' | 'icmp6-port-unreachable';
  readonly loopback: string;
  readonly multicast: string;
}

export const ipv4: Family = {
  name: 'ipv4',
  version: 4,
  ipFlag: '-4',
  tool: 'iptables',
  save: 'iptables-save',
  restore: 'iptables-restore',
  bits: 32,
  fullMask: '255.255.255.255',
  portUnreachable: 'icmp-port-unreachable',
  loopback: '127.0.0.0/8',
  multicast: '224.0.0.0/4',
};

export const ipv6: Family = {
  name: 'ipv6',
  version: 6,
  ipFlag: '-6',
  tool: 'ip6tables',
  save: 'ip6tables-save',
  restore: 'ip6tables-restore',
  bits: 128,
  fullMask: 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
  portUnreachable: 'icmp6-port-unreachable',
  loopback: '::1/128',
  multicast: 'ff00::/8',
};

export const families: readonly Family[] = [ipv4, ipv6];

/** The family of an address or CIDR, told by its text. */
export function familyOfText(text: string): Family {
  return text.includes(':') ? ipv6 : ipv4;
}
