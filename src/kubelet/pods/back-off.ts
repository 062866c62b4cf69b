/** Delays that grow with each failure: 10 s, doubling to 5 min, forgotten after 10 quiet minutes. All times in ms. */

export interface BackOffEntry {
  readonly delayMs: number;
  /** When the delay was last raised. */
  readonly raisedAtMs: number;
}

export interface BackOffLimits {
  readonly firstMs: number;
  readonly maxMs: number;
}

/** For containers that end and images that cannot be had. */
export const restartBackOff: BackOffLimits = { firstMs: 10_000, maxMs: 300_000 };

function isForgotten(entry: BackOffEntry, atMs: number, { maxMs }: BackOffLimits): boolean {
  return atMs - entry.raisedAtMs > 2 * maxMs;
}

/** The moment until which to wait after something that ended at `endedAtMs`; undefined: no need to wait. */
export function waitUntil(
  entry: BackOffEntry | undefined,
  endedAtMs: number,
  nowMs: number,
  limits: BackOffLimits = restartBackOff,
): number | undefined {
  if (entry === undefined || isForgotten(entry, endedAtMs, limits)) return undefined;
  const until = endedAtMs + entry.delayMs;
  return until > nowMs ? until : undefined;
}

/** The entry after one more start of something that had ended at `endedAtMs`. */
export function raise(
  entry: BackOffEntry | undefined,
  endedAtMs: number,
  nowMs: number,
  limits: BackOffLimits = restartBackOff,
): BackOffEntry {
  const fresh = entry === undefined || isForgotten(entry, endedAtMs, limits);
  return { delayMs: fresh ? limits.firstMs : Math.min(limits.maxMs, entry.delayMs * 2), raisedAtMs: nowMs };
}

/** As it stands in messages: `10s`, `2m40s`, `5m0s`. */
export function formatDelay(ms: number): string {
  const seconds = Math.round(ms / 1000);
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
}
