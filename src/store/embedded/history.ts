/** The last changes, kept for watches that resume and for reads of an older snapshot; bounded by number, age and bytes. */
import { RevisionCompacted, type StoredValue, type StoreEvent } from '../contract.ts';

export interface HistoryLimits {
  readonly events: number;
  readonly ageMs: number;
  readonly bytes: number;
}

export const defaultHistoryLimits: HistoryLimits = { events: 10_000, ageMs: 5 * 60_000, bytes: 64 * 1024 * 1024 };

interface Entry {
  readonly event: StoreEvent;
  /** What the key held before the event. */
  readonly before: StoredValue | undefined;
  readonly at: number;
}

export class History {
  readonly #limits: HistoryLimits;
  #entries: Entry[] = [];
  /** Entries before this index are dropped; the array is cut now and then. */
  #start = 0;
  #bytes = 0;
  /** Changes up to and including this revision are no longer known. */
  #compacted: number;

  constructor(revision: number, limits: HistoryLimits = defaultHistoryLimits) {
    this.#compacted = revision;
    this.#limits = limits;
  }

  add(event: StoreEvent, before: StoredValue | undefined, now: number): void {
    this.#entries.push({ event, before, at: now });
    this.#bytes += event.value.length;
    this.#drop(now);
  }

  /** Changes under `prefix` after `revision`, oldest first. Throws RevisionCompacted when some of them are gone. */
  since(prefix: string, revision: number): StoreEvent[] {
    const found: StoreEvent[] = [];
    for (let at = this.#indexAfter(revision); at < this.#entries.length; at++) {
      const { event } = this.#entries[at] as Entry;
      if (event.key.startsWith(prefix)) found.push(event);
    }
    return found;
  }

  /** What the keys under `prefix` that changed after `revision` held at `revision` (undefined: not there). */
  before(prefix: string, revision: number): Map<string, StoredValue | undefined> {
    const values = new Map<string, StoredValue | undefined>();
    for (let at = this.#indexAfter(revision); at < this.#entries.length; at++) {
      const { event, before } = this.#entries[at] as Entry;
      if (event.key.startsWith(prefix) && !values.has(event.key)) values.set(event.key, before);
    }
    return values;
  }

  #indexAfter(revision: number): number {
    if (revision < this.#compacted) {
      throw new RevisionCompacted(`revision ${revision} is gone, the oldest kept is ${this.#compacted}`);
    }
    let low = this.#start;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#entries[middle] as Entry).event.revision <= revision) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #drop(now: number): void {
    const { events, ageMs, bytes } = this.#limits;
    while (this.#start < this.#entries.length) {
      const { event, at } = this.#entries[this.#start] as Entry;
      if (this.#entries.length - this.#start <= events && now - at <= ageMs && this.#bytes <= bytes) break;
      this.#compacted = event.revision;
      this.#bytes -= event.value.length;
      this.#start++;
    }
    if (this.#start < 1024 || this.#start * 2 < this.#entries.length) return;
    this.#entries = this.#entries.slice(this.#start);
    this.#start = 0;
  }
}
