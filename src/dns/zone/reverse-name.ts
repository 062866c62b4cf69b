/** Names of addresses: `2.1.45.10.in-addr.arpa`, `….ip6.arpa` (RFC 1035 3.5, RFC 3596 2.5). Pure. */
import { formatIP, type Cidr } from '../../api/addresses.ts';
import type { DnsName } from '../wire/types.ts';

/** The address that a name is about; undefined for another name, or one that is only a part of an address. */
export function addressOfReverseName(name: DnsName): string | undefined {
  const four = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.in-addr\.arpa$/.exec(name);
  if (four !== null) {
    const bytes = four.slice(1).reverse().map(Number);
    return bytes.every((byte) => byte < 256) ? bytes.join('.') : undefined;
  }
  const six = /^((?:[0-9a-f]\.){32})ip6\.arpa$/.exec(name);
  if (six === null) return undefined;
  const digits = (six[1] ?? '').replaceAll('.', '').split('').reverse().join('');
  return formatIP({ family: 6, value: BigInt(`0x${digits}`) });
}

/** The name that all addresses of a range are below: of `10.46.0.0/16` it is `46.10.in-addr.arpa`; a range that ends between labels has the next one above. */
export function reverseZoneOf({ family, base, prefixLength }: Cidr): DnsName {
  const [bits, bitsOfLabel, radix, suffix] =
    family === 4 ? ([32, 8, 10, 'in-addr.arpa'] as const) : ([128, 4, 16, 'ip6.arpa'] as const);
  const labels = Array.from({ length: Math.floor(prefixLength / bitsOfLabel) }, (_, index) =>
    ((base >> BigInt(bits - bitsOfLabel * (index + 1))) & BigInt(2 ** bitsOfLabel - 1)).toString(radix),
  );
  return [...labels.reverse(), suffix].join('.');
}
