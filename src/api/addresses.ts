/** Addresses and prefixes of both families, as arithmetic. IPv6 text follows RFC 5952. */

export type Family = 4 | 6;

/** An address as a number of its family. */
export interface Address {
  readonly family: Family;
  readonly value: bigint;
}

/** A prefix; `base` has its host bits cleared. */
export interface Cidr {
  readonly family: Family;
  readonly base: bigint;
  readonly prefixLength: number;
}

const bitsOf = (family: Family): number => (family === 4 ? 32 : 128);

/** Four numbers below 256, read digit by digit: every endpoint of a cluster comes through here. */
function parseIPv4(text: string): bigint | undefined {
  let [value, part, digits, dots] = [0, 0, 0, 0];
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === 0x2e) {
      if (digits === 0) return undefined;
      value = value * 256 + part;
      [part, digits, dots] = [0, 0, dots + 1];
    } else {
      // Leading zeros are refused: some readers take them as octal.
      if (code < 0x30 || code > 0x39 || (digits === 1 && part === 0)) return undefined;
      part = part * 10 + code - 0x30;
      digits += 1;
      if (part > 255) return undefined;
    }
  }
  return dots === 3 && digits > 0 ? BigInt(value * 256 + part) : undefined;
}

/** The groups of one side of `::`, with a dotted tail turned into two groups. */
function groupsOf(text: string): number[] | undefined {
  if (text === '') return [];
  const groups: number[] = [];
  const parts = text.split(':');
  for (const [index, part] of parts.entries()) {
    if (part.includes('.') && index === parts.length - 1) {
      const tail = parseIPv4(part);
      if (tail === undefined) return undefined;
      groups.push(Number(tail >> 16n), Number(tail & 0xffffn));
    } else if (/^[0-9a-fA-F]{1,4}$/.test(part)) groups.push(Number.parseInt(part, 16));
    else return undefined;
  }
  return groups;
}

function parseIPv6(text: string): bigint | undefined {
  const sides = text.split('::');
  if (sides.length > 2) return undefined;
  const head = groupsOf(sides[0] ?? '');
  const tail = sides.length === 2 ? groupsOf(sides[1] ?? '') : [];
  // A dotted tail may stand only at the very end.
  if (head === undefined || tail === undefined || (sides.length === 2 && (sides[0] ?? '').includes('.'))) {
    return undefined;
  }
  const missing = 8 - head.length - tail.length;
  if (sides.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const groups = [...head, ...Array.from({ length: missing }, () => 0), ...tail];
  return groups.reduce((value, group) => (value << 16n) | BigInt(group), 0n);
}

/** Undefined when `text` is not an address (zones such as `%eth0` are not taken). */
export function parseIP(text: string): Address | undefined {
  if (text.length > 45) return undefined;
  const family: Family = text.includes(':') ? 6 : 4;
  const value = family === 6 ? parseIPv6(text) : parseIPv4(text);
  return value === undefined ? undefined : { family, value };
}

/** 4, 6, or undefined when `text` is not an address. */
export function familyOf(text: string): Family | undefined {
  return parseIP(text)?.family;
}

/** The longest run of at least two zero groups, first of the longest. */
function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: -1, length: 1 };
  let length = 0;
  for (const [index, group] of groups.entries()) {
    length = group === 0 ? length + 1 : 0;
    if (length > best.length) best = { start: index - length + 1, length };
  }
  return best;
}

/** The canonical text of an address. */
export function formatIP({ family, value }: Address): string {
  if (family === 4) return [24n, 16n, 8n, 0n].map((shift) => String((value >> shift) & 0xffn)).join('.');
  const groups = Array.from({ length: 8 }, (_, index) => Number((value >> BigInt(112 - 16 * index)) & 0xffffn));
  if (value >> 32n === 0xffffn) return `::ffff:${formatIP({ family: 4, value: value & 0xffffffffn })}`;
  const hex = groups.map((group) => group.toString(16));
  const { start, length } = longestZeroRun(groups);
  if (start < 0) return hex.join(':');
  return `${hex.slice(0, start).join(':')}::${hex.slice(start + length).join(':')}`;
}

/** Clears the host bits. Throws when `text` is not ADDRESS/LENGTH. */
export function parseCIDR(text: string): Cidr {
  const [address = '', length = '', ...rest] = text.split('/');
  const ip = parseIP(address);
  const prefixLength = /^(0|[1-9]\d{0,2})$/.test(length) ? Number(length) : 999;
  if (ip === undefined || rest.length > 0 || prefixLength > bitsOf(ip.family)) throw new Error(`${text}: not a CIDR`);
  const host = BigInt(bitsOf(ip.family) - prefixLength);
  return { family: ip.family, base: (ip.value >> host) << host, prefixLength };
}

/** As parseCIDR, but undefined for what is no CIDR. */
export function tryParseCIDR(text: string): Cidr | undefined {
  try {
    return parseCIDR(text);
  } catch {
    return undefined;
  }
}

/** `10.45.0.0/16`. */
export function formatCIDR(cidr: Cidr): string {
  return `${formatIP({ family: cidr.family, value: cidr.base })}/${cidr.prefixLength}`;
}

/** How many addresses the prefix has, its first and last included. */
export function sizeOf(cidr: Cidr): bigint {
  return 1n << BigInt(bitsOf(cidr.family) - cidr.prefixLength);
}

/** Whether the address lies in the prefix; false for the other family and for what is no address. */
export function contains(cidr: Cidr, address: string | Address): boolean {
  const ip = typeof address === 'string' ? parseIP(address) : address;
  return ip?.family === cidr.family && ip.value >= cidr.base && ip.value < cidr.base + sizeOf(cidr);
}

/** Whether the two prefixes share an address. */
export function overlaps(a: Cidr, b: Cidr): boolean {
  return a.family === b.family && a.base < b.base + sizeOf(b) && b.base < a.base + sizeOf(a);
}

/** The address `n` places after the base (0 is the base itself); negative counts from the end (-1 is the last). Throws outside. */
export function nthAddress(cidr: Cidr, n: number | bigint): string {
  const offset = BigInt(n) < 0n ? sizeOf(cidr) + BigInt(n) : BigInt(n);
  if (offset < 0n || offset >= sizeOf(cidr)) throw new Error(`${formatCIDR(cidr)} has no address number ${n}`);
  return formatIP({ family: cidr.family, value: cidr.base + offset });
}

/** The place of an address in the prefix: the reverse of nthAddress. Undefined outside. */
export function offsetOf(cidr: Cidr, address: string): bigint | undefined {
  const ip = parseIP(address);
  return ip !== undefined && contains(cidr, ip) ? ip.value - cidr.base : undefined;
}

/** The address after this one. Throws for what is no address and after the last of the family. */
export function nextAddress(address: string): string {
  const ip = parseIP(address);
  if (ip === undefined || (ip.value + 1n) >> BigInt(bitsOf(ip.family)) !== 0n)
    throw new Error(`${address}: no next address`);
  return formatIP({ family: ip.family, value: ip.value + 1n });
}

/** The `n`th prefix of this length inside the prefix. Throws when there is none. */
export function nthSubnet(cidr: Cidr, prefixLength: number, n: number): Cidr {
  const size = 1n << BigInt(bitsOf(cidr.family) - prefixLength);
  const base = cidr.base + size * BigInt(n);
  if (prefixLength < cidr.prefixLength || n < 0 || base >= cidr.base + sizeOf(cidr)) {
    throw new Error(`${formatCIDR(cidr)} has no /${prefixLength} number ${n}`);
  }
  return { family: cidr.family, base, prefixLength };
}

/** How many prefixes of this length fit into the prefix. */
export function subnetCount(cidr: Cidr, prefixLength: number): number {
  return prefixLength < cidr.prefixLength ? 0 : 2 ** (prefixLength - cidr.prefixLength);
}
