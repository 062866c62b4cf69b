/**
 * A pool of numbers from 0. Who asks for a certain one gets it if it is free; who takes any gets a random one above the
 * static band, so that those who ask by name find the first numbers free (KEP-3070, KEP-3668); only when all above are taken
 * does the band serve everybody.
 *
 *   0 ······ staticBand ························ size
 *   └ by name ┘└ any, from a random start, wrapping ┘
 */
export interface NumberPool {
  /** False when it is taken already. */
  take(number: number): boolean;
  /** Undefined when all are taken. */
  takeAny(): number | undefined;
  give(number: number): void;
  has(number: number): boolean;
  clear(): void;
}

export interface NumberPoolOptions {
  readonly size: number;
  readonly staticBand: number;
  /** A number in [0, below). Math.random's by default: it only spreads, nothing rests on it being secret. */
  readonly random?: (below: number) => number;
}

export function createNumberPool({ size, staticBand, random = below }: NumberPoolOptions): NumberPool {
  const taken = new Set<number>();

  function firstFree(from: number, to: number, start: number): number | undefined {
    for (let step = 0; step < to - from; step += 1) {
      const number = from + ((start + step) % (to - from));
      if (!taken.has(number)) return number;
    }
    return undefined;
  }

  function takeAny(): number | undefined {
    if (taken.size >= size) return undefined;
    const above = size - staticBand;
    const number = firstFree(staticBand, size, above > 0 ? random(above) : 0) ?? firstFree(0, staticBand, 0);
    if (number !== undefined) taken.add(number);
    return number;
  }

  return {
    take(number) {
      if (taken.has(number)) return false;
      taken.add(number);
      return true;
    },
    takeAny,
    give: (number) => void taken.delete(number),
    has: (number) => taken.has(number),
    clear: () => {
      taken.clear();
    },
  };
}

function below(limit: number): number {
  return Math.floor(Math.random() * limit);
}

/** The static band of a pool: a share of it, never less than `least` and never more than `most`; none in a tiny pool. */
export function staticBandOf(size: number, share: number, most: number, least = 16): number {
  if (size <= least) return 0;
  return Math.min(most, Math.max(least, Math.floor(size / share)));
}
