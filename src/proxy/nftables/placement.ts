/** Which number each endpoint has: those that stay keep theirs, so that a change is a few elements. Pure. */
import type { Endpoint } from '../model/service-port.ts';

const keyOf = ({ ip, port }: Pick<Endpoint, 'ip' | 'port'>): string => `${ip} ${port}`;

/**
 * The endpoints wanted, in the order that takes the fewest writes from what is there: who has a number below the new count
 * keeps it, the others fill what is free. `before` may have holes.
 */
export function place(
  before: readonly (Pick<Endpoint, 'ip' | 'port'> | undefined)[],
  wanted: readonly Endpoint[],
): readonly Endpoint[] {
  if (wanted.length === 0 || isInPlace(before, wanted)) return wanted;
  const left = new Map(wanted.map((endpoint) => [keyOf(endpoint), endpoint]));
  const placed: (Endpoint | undefined)[] = wanted.map((_, index) => {
    const there = before[index];
    const stays = there === undefined ? undefined : left.get(keyOf(there));
    if (stays !== undefined) left.delete(keyOf(stays));
    return stays;
  });
  const others = left.values();
  return placed.map((endpoint) => endpoint ?? (others.next().value as Endpoint));
}

function isInPlace(
  before: readonly (Pick<Endpoint, 'ip' | 'port'> | undefined)[],
  wanted: readonly Endpoint[],
): boolean {
  return wanted.every((endpoint, index) => {
    const there = before[index];
    return there === undefined ? before.length <= index : there.ip === endpoint.ip && there.port === endpoint.port;
  });
}
