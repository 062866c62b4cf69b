/** IP addresses in objects. */
import { contains, familyOf, parseCIDR, parseIP, tryParseCIDR } from '../../api/addresses.ts';
import type { FieldError } from '../resource.ts';
import { invalid, invalidEach } from './field-error.ts';

const withoutLeadingZeros = (text: string): string => text.replaceAll(/\b0+(?=\d)/g, '');

/** What is wrong with an address; nothing when it is well-formed (KEP-4858: strict). */
function ipErrors(value: string, ip = parseIP(value)): string[] {
  if (ip === undefined) {
    const zeros = /^[\d.]+$/.test(value) && parseIP(withoutLeadingZeros(value)) !== undefined;
    return [zeros ? 'must not have leading 0s' : 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'];
  }
  return contains(MAPPED, ip) ? ['must not be an IPv4-mapped IPv6 address'] : [];
}

/** IPv4 addresses written as IPv6. */
const MAPPED = parseCIDR('::ffff:0:0/96');

/** A well-formed address of either family. */
export function validateIP(path: string, value: string): FieldError[] {
  return invalidEach(path, value, ipErrors(value));
}

/** A well-formed `address/bits` of either family, with no bits beyond the prefix. */
export function validateCIDR(path: string, value: string): FieldError[] {
  const cidr = tryParseCIDR(value);
  if (cidr === undefined) {
    return [invalid(path, value, 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)')];
  }
  const beyond = parseIP(value.split('/')[0] ?? '')?.value !== cidr.base;
  return beyond ? [invalid(path, value, 'must not have bits set beyond the prefix length')] : [];
}

const refusedRanges = [
  {
    ranges: ['127.0.0.0/8', '::1/128'],
    why: () => 'may not be in the loopback range (127.0.0.0/8, ::1/128)',
  },
  { ranges: ['0.0.0.0/32', '::/128'], why: (ip: string) => `may not be unspecified (${ip})` },
  {
    ranges: ['169.254.0.0/16', 'fe80::/10'],
    why: () => 'may not be in the link-local range (169.254.0.0/16, fe80::/10)',
  },
  {
    ranges: ['224.0.0.0/24', 'ff02::/16'],
    why: () => 'may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)',
  },
].map(({ ranges, why }) => ({ ranges: ranges.map(parseCIDR), why }));

/** An address that traffic may be sent to: not unspecified, loopback or link-local. */
export function validateEndpointIP(path: string, value: string): FieldError[] {
  const ip = parseIP(value);
  const malformed = ipErrors(value, ip);
  if (ip === undefined || malformed.length > 0) return invalidEach(path, value, malformed);
  return refusedRanges
    .filter(({ ranges }) => ranges.some((range) => contains(range, ip)))
    .map(({ why }) => invalid(path, value, why(value)));
}

/** At most one address of each family. */
export function oneOfEachFamily(addresses: readonly string[]): boolean {
  return new Set(addresses.map((address) => familyOf(address))).size === addresses.length && addresses.length <= 2;
}
