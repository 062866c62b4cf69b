/** Ranges of numbers: unions, differences, and the prefixes that make them up. Pure. */
import { parseCIDR, type Cidr } from '../../../api/addresses.ts';
import type { IPBlock } from '../../../api/types.gen.ts';
import type { AddressRange, PortRange } from './table.ts';

const rangeOf = ({ base, family, prefixLength }: Cidr): AddressRange => {
  const size = 1n << BigInt((family === 4 ? 32 : 128) - prefixLength);
  return { first: base, last: base + size - 1n };
};

/** Sorted; what overlaps or touches becomes one. */
export function unionOf(ranges: readonly AddressRange[]): AddressRange[] {
  const sorted = [...ranges].sort((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0));
  const merged: AddressRange[] = [];
  for (const range of sorted) {
    const before = merged.at(-1);
    if (before === undefined || range.first > before.last + 1n) merged.push(range);
    else if (range.last > before.last) merged[merged.length - 1] = { first: before.first, last: range.last };
  }
  return merged;
}

function without(range: AddressRange, holes: readonly AddressRange[]): AddressRange[] {
  const left: AddressRange[] = [];
  let at = range.first;
  for (const hole of unionOf(holes)) {
    if (hole.last < at || hole.first > range.last) continue;
    if (hole.first > at) left.push({ first: at, last: hole.first - 1n });
    at = hole.last + 1n;
  }
  if (at <= range.last) left.push({ first: at, last: range.last });
  return left;
}

/** The addresses of one family that any of the blocks has, each without its exceptions. A block that is malformed has none. */
export function rangesOfBlocks(blocks: readonly IPBlock[], family: 4 | 6): AddressRange[] {
  const cidrOf = (text: string): Cidr[] => {
    try {
      const cidr = parseCIDR(text);
      return cidr.family === family ? [cidr] : [];
    } catch {
      return [];
    }
  };
  return unionOf(
    blocks.flatMap(({ cidr, except = [] }) => {
      const holes = except.flatMap(cidrOf).map(rangeOf);
      return cidrOf(cidr).flatMap((one) => without(rangeOf(one), holes));
    }),
  );
}

/** The fewest prefixes that make up a range. */
export function prefixesOf({ first, last }: AddressRange, family: 4 | 6): Cidr[] {
  const bits = family === 4 ? 32 : 128;
  const prefixes: Cidr[] = [];
  for (let at = first; at <= last;) {
    let length = bits;
    // Twice as large as long as it begins at a multiple of that and ends in the range.
    while (length > 0) {
      const size = 1n << BigInt(bits - length + 1);
      if (at % size !== 0n || at + size - 1n > last) break;
      length -= 1;
    }
    prefixes.push({ family, base: at, prefixLength: length });
    at += 1n << BigInt(bits - length);
  }
  return prefixes;
}

/** As {@link unionOf}, each protocol by itself. */
export function unionOfPorts(ranges: readonly PortRange[]): PortRange[] {
  const protocols = [...new Set(ranges.map(({ protocol }) => protocol))].sort((a, b) => a - b);
  return protocols.flatMap((protocol) =>
    unionOf(
      ranges
        .filter((one) => one.protocol === protocol)
        .map(({ first, last }) => ({ first: BigInt(first), last: BigInt(last) })),
    ).map(({ first, last }) => ({ protocol, first: Number(first), last: Number(last) })),
  );
}
