import { UsageError } from './errors.ts';

/** `40s`, as the stock components take it, or `40`. Throws a UsageError for anything else. */
export function parseSeconds(text: string): number {
  const [, digits] = /^(\d{1,6})s?$/.exec(text) ?? [];
  if (digits === undefined) throw new UsageError(`${text}: whole seconds are wanted, such as 40s`);
  return Number(digits);
}

/** The same as ms, for something that is done again and again: a second at least. */
export function parsePeriodMs(text: string): number {
  return Math.max(1, parseSeconds(text)) * 1000;
}

const unitSeconds = { s: 1, m: 60, h: 3600 } as const;

/** `30s`, `15m`, `8760h` or a sum of those, `1h30m`, in seconds. Throws a UsageError for anything else, and for 0. */
export function parseDuration(text: string): number {
  const parts = [...text.matchAll(/(\d{1,7})([smh])/g)];
  const isWhole = parts.map(([part]) => part).join('') === text;
  const sum = parts.reduce((seconds, [, digits, unit]) => seconds + Number(digits) * unitSeconds[unit as 's'], 0);
  if (!isWhole || sum === 0) throw new UsageError(`${text}: a time is wanted, such as 30s, 15m or 24h`);
  return sum;
}

/** The same, and `0`. */
export function parseTtl(text: string): number {
  return text === '0' ? 0 : parseDuration(text);
}
