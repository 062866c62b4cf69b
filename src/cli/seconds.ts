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
