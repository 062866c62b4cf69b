/** When a certificate is to be renewed. Pure. */

/** What a certificate says of itself. */
export interface Validity {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Somewhere between 70 and 90 % of its life, so that nodes that joined together do not ask together; `share` is 0 to 1. */
export function rotationTime({ fromMs, toMs }: Validity, share: number): number {
  return fromMs + (toMs - fromMs) * (0.7 + 0.2 * share);
}

const firstDelayMs = 1_000;
const maxDelayMs = 300_000;

/** How long to wait after so many failures in a row: between the half and the whole of 1 s, 2 s, … 5 min. */
export function retryDelayMs(failures: number, share: number): number {
  const whole = Math.min(maxDelayMs, firstDelayMs * 2 ** Math.min(failures - 1, 20));
  return (whole / 2) * (1 + share);
}
