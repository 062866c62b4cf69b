/** The store in one durable file. The folder's README draws how a write goes. */
import type { Logger } from '../../api/logger.ts';
import { StoreConflict, type RangeResult, type Store, type StoredValue, type StoreEvent } from '../contract.ts';
import { CommitQueue } from './commit-queue.ts';
import { recordBytes, type LogRecord } from './frames.ts';
import { defaultHistoryLimits, History, type HistoryLimits } from './history.ts';
import { lockFile } from './lock.ts';
import { LogFile } from './log-file.ts';
import { State } from './state.ts';
import { Watchers } from './watchers.ts';

export interface EmbeddedStoreOptions {
  /** The file; its folder must exist. `PATH.lock` beside it is the lock, `PATH.new` a rewrite under way. */
  readonly path: string;
  readonly logger: Logger;
  readonly history?: HistoryLimits;
  /** The file is rewritten when it is longer than this and half of it is dead. Bytes. */
  readonly compactAboveBytes?: number;
}

const defaultCompactAbove = 16 * 1024 * 1024;

class EmbeddedStore implements Store {
  readonly #log: LogFile;
  readonly #state: State;
  readonly #history: History;
  readonly #watchers: Watchers;
  readonly #indexes = new Set<{ readonly prefix: string; readonly handler: (event: StoreEvent) => void }>();
  readonly #queue: CommitQueue;
  readonly #logger: Logger;
  #compactAbove: number;
  readonly #unlock: () => void;
  /** Keys with a write under way; the next writer of that key waits, then compares. */
  readonly #busy = new Map<string, Promise<unknown>>();
  /** What was written since a rewrite of the file began. */
  #tail: LogRecord[] | undefined;
  #rewrite: Promise<void> | undefined;
  #nextRevision: number;
  #closed = false;

  constructor(options: EmbeddedStoreOptions, log: LogFile, state: State, unlock: () => void) {
    this.#log = log;
    this.#state = state;
    this.#unlock = unlock;
    this.#logger = options.logger;
    this.#compactAbove = options.compactAboveBytes ?? defaultCompactAbove;
    this.#history = new History(state.revision, options.history ?? defaultHistoryLimits);
    this.#nextRevision = state.revision + 1;
    this.#watchers = new Watchers((error) => this.#logger.error('a watch handler failed', { error }));
    this.#queue = new CommitQueue({
      write: (records) => this.#log.append(records),
      onCommitted: (records) => this.#committed(records),
    });
    this.#compactIfWorthIt();
  }

  get revision(): number {
    return this.#state.revision;
  }

  readonly latest: Store['latest'] = {
    get: (key) => this.#state.get(key),
    range: (prefix) => this.#state.range(prefix, undefined, Infinity).items,
    onChange: (prefix, handler) => {
      const index = { prefix, handler };
      this.#indexes.add(index);
      return () => void this.#indexes.delete(index);
    },
  };

  async get(key: string): Promise<StoredValue | undefined> {
    return this.#state.get(key);
  }

  async range(prefix: string, options: Parameters<Store['range']>[1] = {}): Promise<RangeResult> {
    const { startAfter, limit = Infinity, revision } = options;
    if (revision === undefined || revision >= this.revision) return this.#state.range(prefix, startAfter, limit);
    return this.#state.rangeAt(revision, this.#history, prefix, startAfter, limit);
  }

  put(key: string, value: Buffer, expectedRevision: number): Promise<StoredValue> {
    return this.#alone(key, async () => {
      const current = this.#expect(key, expectedRevision);
      const revision = this.#nextRevision++;
      const createRevision = current?.createRevision ?? revision;
      await this.#queue.add({ type: 'put', key, value, revision, createRevision });
      return { key, value, modRevision: revision, createRevision };
    });
  }

  delete(key: string, expectedRevision: number): Promise<{ readonly revision: number; readonly value: Buffer }> {
    return this.#alone(key, async () => {
      const current = this.#expect(key, expectedRevision);
      if (current === undefined) throw new StoreConflict(key, undefined);
      const revision = this.#nextRevision++;
      await this.#queue.add({ type: 'delete', key, value: Buffer.alloc(0), revision, createRevision: 0 });
      return { revision, value: current.value };
    });
  }

  watch(prefix: string, afterRevision: number, handler: (events: readonly StoreEvent[]) => void): () => void {
    const backlog = this.#history.since(prefix, afterRevision);
    return this.#watchers.add(prefix, Math.max(this.revision, afterRevision), backlog, handler);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#watchers.close();
    await this.#rewrite;
    await this.#queue.idle();
    await this.#log.close();
    this.#unlock();
  }

  #expect(key: string, expectedRevision: number): StoredValue | undefined {
    if (this.#closed) throw new Error('the store is closed');
    const current = this.#state.get(key);
    if ((current?.modRevision ?? 0) !== expectedRevision) throw new StoreConflict(key, current);
    return current;
  }

  /** One write a key at a time, first come, first served. */
  async #alone<R>(key: string, write: () => Promise<R>): Promise<R> {
    for (let other = this.#busy.get(key); other !== undefined; other = this.#busy.get(key)) await other;
    const done = write();
    const settled = done.then(
      () => this.#busy.delete(key),
      () => this.#busy.delete(key),
    );
    this.#busy.set(key, settled);
    return done;
  }

  #committed(records: readonly LogRecord[]): void {
    const now = Date.now();
    const events: StoreEvent[] = [];
    for (const record of records) {
      const change = this.#state.apply(record);
      if (change === undefined) continue;
      this.#history.add(change.event, change.before, now);
      events.push(change.event);
    }
    for (const record of records) this.#tail?.push(record);
    for (const event of events) this.#tellIndexes(event);
    this.#watchers.publish(events);
    this.#compactIfWorthIt();
  }

  #tellIndexes(event: StoreEvent): void {
    for (const { prefix, handler } of this.#indexes) {
      if (!event.key.startsWith(prefix)) continue;
      try {
        handler(event);
      } catch (error) {
        this.#logger.error('an index failed', { key: event.key, error });
      }
    }
  }

  #compactIfWorthIt(): void {
    const { length } = this.#log;
    if (this.#rewrite !== undefined || length < this.#compactAbove || this.#state.liveBytes * 2 > length) return;
    this.#rewrite = this.#compact()
      .catch((error: unknown) => {
        this.#compactAbove = this.#log.length + defaultCompactAbove;
        this.#logger.error('the store file could not be rewritten', { error });
      })
      .finally(() => (this.#rewrite = undefined));
  }

  /** Writes the live values to a new file while writes go on, then swaps files between two commits. */
  async #compact(): Promise<void> {
    const before = this.#log.length;
    this.#tail = [];
    try {
      const sibling = await this.#log.writeSibling(this.#state.records(), recordBytes);
      await this.#queue.exclusively(() => this.#log.replaceBy(sibling, this.#tail ?? []));
    } finally {
      this.#tail = undefined;
    }
    this.#logger.info('store file rewritten', { bytesBefore: before, bytesAfter: this.#log.length });
  }
}

/**
 * Opens (or makes) the store. Throws StoreLocked when another process has it, StoreDamaged when the file is damaged in
 * the middle; an unfinished write at its end, which nobody was told of, is cut off.
 */
export async function openEmbeddedStore(options: EmbeddedStoreOptions): Promise<Store> {
  const unlock = lockFile(`${options.path}.lock`);
  try {
    const state = new State();
    const { log, cutBytes } = await LogFile.open(options.path, (record) => state.apply(record));
    if (cutBytes > 0) options.logger.warn('cut off an unfinished write', { path: options.path, bytes: cutBytes });
    return new EmbeddedStore(options, log, state, unlock);
  } catch (error) {
    unlock();
    throw error;
  }
}
