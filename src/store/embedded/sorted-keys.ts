/**
 * The live keys in byte order, in chunks, so that adding one key among 100,000 moves a few hundred entries, not all.
 * Keys are ASCII paths, for which JavaScript's string order is byte order.
 */
const chunkSize = 512;

/** Index of the first entry ≥ `key`. */
function lowerBound(entries: readonly string[], key: string): number {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((entries[middle] as string) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

export class SortedKeys {
  readonly #chunks: string[][] = [[]];

  /** Adds a key that is not in yet. */
  add(key: string): void {
    const at = this.#chunkFor(key);
    const chunk = this.#chunks[at] as string[];
    chunk.splice(lowerBound(chunk, key), 0, key);
    if (chunk.length > chunkSize) this.#chunks.splice(at + 1, 0, chunk.splice(chunkSize / 2));
  }

  remove(key: string): void {
    const at = this.#chunkFor(key);
    const chunk = this.#chunks[at] as string[];
    const index = lowerBound(chunk, key);
    if (chunk[index] !== key) return;
    chunk.splice(index, 1);
    if (chunk.length === 0 && this.#chunks.length > 1) this.#chunks.splice(at, 1);
  }

  /** Keys that start with `prefix` and come after `after`, in order. */
  *range(prefix: string, after = ''): Generator<string> {
    const from = after >= prefix ? after : prefix;
    let at = this.#chunkFor(from);
    let index = lowerBound(this.#chunks[at] as string[], from);
    for (; at < this.#chunks.length; at++, index = 0) {
      const chunk = this.#chunks[at] as string[];
      for (; index < chunk.length; index++) {
        const key = chunk[index] as string;
        if (key === after) continue;
        if (!key.startsWith(prefix)) return;
        yield key;
      }
    }
  }

  /** How many keys `range` would yield, chunk by chunk. */
  count(prefix: string, after = ''): number {
    const from = after >= prefix ? after : prefix;
    const first = this.#chunkFor(from);
    let total = 0;
    for (const chunk of this.#chunks.slice(first)) {
      const begin = lowerBound(chunk, from);
      const inside = chunk.at(-1)?.startsWith(prefix) === true;
      const end = inside ? chunk.length : chunk.findIndex((key, index) => index >= begin && !key.startsWith(prefix));
      total += (end < 0 ? chunk.length : end) - begin - (chunk[begin] === after ? 1 : 0);
      if (!inside && chunk.length > begin) break;
    }
    return total;
  }

  /** The last chunk whose first key is ≤ `key`; the first one when there is none. */
  #chunkFor(key: string): number {
    let low = 0;
    let high = this.#chunks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (((this.#chunks[middle] as string[])[0] ?? '') <= key) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }
}
