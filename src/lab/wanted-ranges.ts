/** Ranges as a person writes them: one, or one of each family with a comma between. Pure. */
import { formatCIDR, parseCIDR } from '../api/addresses.ts';
import { LabError, type WantedLab } from './config.ts';
import type { Ipv6Ranges } from './ipv6-ranges.ts';

type Purpose = keyof Ipv6Ranges;

/** By family. Throws a LabError for what is no such text. */
export function parseRanges(text: string): Readonly<Partial<Record<4 | 6, string>>> {
  const pair: Partial<Record<4 | 6, string>> = {};
  for (const part of text.split(',')) {
    try {
      const cidr = parseCIDR(part);
      if (pair[cidr.family] !== undefined) throw new Error('twice');
      pair[cidr.family] = cidr.family === 4 ? part : formatCIDR(cidr);
    } catch {
      throw new LabError(
        `${text} is not an IPv4 address range such as 10.44.0.0/24, nor an IPv6 one, nor one of each with a comma between`,
      );
    }
  }
  return pair;
}

/** What a config takes them as. Throws a LabError for what is no range. */
export function wantedRanges(texts: Readonly<Record<Purpose, string | undefined>>): WantedLab {
  const pairs = Object.entries(texts).map(
    ([purpose, text]) => [purpose, text === undefined ? {} : parseRanges(text)] as const,
  );
  const of = (family: 4 | 6): Partial<Record<Purpose, string>> =>
    Object.fromEntries(
      pairs.flatMap(([purpose, pair]) => (pair[family] === undefined ? [] : [[purpose, pair[family]]])),
    );
  const ipv6 = of(6);
  return { ...of(4), ...(Object.keys(ipv6).length === 0 ? {} : { ipv6 }) };
}
