/** The committed state in memory: what a log, replayed, amounts to. */
import type { RangeResult, StoredValue, StoreEvent } from '../contract.ts';
import { recordBytes, type LogRecord } from './frames.ts';
import type { History } from './history.ts';
import { SortedKeys } from './sorted-keys.ts';

const nothing = Buffer.alloc(0);

function recordOf(value: StoredValue): LogRecord {
  const { key, modRevision: revision, createRevision } = value;
  return { type: 'put', key, revision, createRevision, value: value.value };
}

export class State {
  readonly #values = new Map<string, StoredValue>();
  readonly #keys = new SortedKeys();
  #revision = 0;
  #liveBytes = 0;

  /** The revision of the last change. */
  get revision(): number {
    return this.#revision;
  }

  /** Bytes a log would take that held nothing but what is alive. */
  get liveBytes(): number {
    return this.#liveBytes;
  }

  get(key: string): StoredValue | undefined {
    return this.#values.get(key);
  }

  /** Carries out one record; answers the event and what the key held before, or undefined for a mere counter. */
  apply(record: LogRecord): { readonly event: StoreEvent; readonly before: StoredValue | undefined } | undefined {
    const { type, key, revision, createRevision } = record;
    this.#revision = Math.max(this.#revision, revision);
    if (type === 'revision') return undefined;
    const before = this.#values.get(key);
    if (before !== undefined) this.#liveBytes -= recordBytes(recordOf(before));
    if (type === 'put') {
      this.#values.set(key, { key, value: record.value, modRevision: revision, createRevision });
      this.#liveBytes += recordBytes(record);
      if (before === undefined) this.#keys.add(key);
    } else if (this.#values.delete(key)) this.#keys.remove(key);
    const value = type === 'put' ? record.value : (before?.value ?? nothing);
    return { event: { type, key, revision, value, previous: before?.value }, before };
  }

  /** All that is alive, and the counter, as records in order of keys. */
  *records(): Generator<LogRecord> {
    yield { type: 'revision', key: '', revision: this.#revision, createRevision: 0, value: nothing };
    for (const value of [...this.#values.values()]) yield recordOf(value);
  }

  range(prefix: string, after: string | undefined, limit: number): RangeResult {
    const items: StoredValue[] = [];
    for (const key of this.#keys.range(prefix, after)) {
      if (items.length === limit) {
        const remaining = this.#keys.count(prefix, items.at(-1)?.key);
        return { items, revision: this.#revision, more: true, remaining };
      }
      items.push(this.#values.get(key) as StoredValue);
    }
    return { items, revision: this.#revision, more: false, remaining: 0 };
  }

  /** The same as it was at `revision`: what changed since is undone by the history. Throws RevisionCompacted. */
  rangeAt(revision: number, history: History, prefix: string, after: string | undefined, limit: number): RangeResult {
    const changed = history.before(prefix, revision);
    const keys = new Set(this.#keys.range(prefix, after));
    for (const [key, value] of changed) {
      if (value === undefined) keys.delete(key);
      else if (after === undefined || key > after) keys.add(key);
    }
    const sorted = [...keys].sort();
    const items = sorted.slice(0, limit).map((key) => (changed.get(key) ?? this.#values.get(key)) as StoredValue);
    return { items, revision, more: sorted.length > items.length, remaining: sorted.length - items.length };
  }
}
