/** A pod that fails as soon as it starts (a kubelet refuses it, say) is replaced less and less often. */

const firstMs = 1_000;
const longestMs = 15 * 60_000;

interface Failures {
  readonly delayMs: number;
  readonly at: number;
}

export class FailedPods {
  readonly #failures = new Map<string, Failures>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Milliseconds until the failed pod of `place` may be replaced; 0: now, and this one counts. */
  waitMs(place: string): number {
    const known = this.#failures.get(place);
    const now = this.#now();
    if (known !== undefined && now - known.at < known.delayMs) return known.at + known.delayMs - now;
    // After long quiet it starts from the beginning.
    const isNew = known === undefined || now - known.at > 2 * longestMs;
    this.#failures.set(place, { at: now, delayMs: isNew ? firstMs : Math.min(longestMs, known.delayMs * 2) });
    return 0;
  }

  /** Forgets all places that begin so. */
  forget(prefix: string): void {
    for (const place of this.#failures.keys()) if (place.startsWith(prefix)) this.#failures.delete(place);
  }
}
