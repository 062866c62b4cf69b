/**
 * A revisioned key-value store with watch, as etcd's v3 API is one: keys under `/registry/…`, one revision counter,
 * compare by modification revision. Two tenants: `embedded` (one durable file) and, later, `etcd`.
 */

export interface StoredValue {
  readonly key: string;
  /** The object, encoded as JSON without `metadata.resourceVersion` (that is `modRevision`). */
  readonly value: Buffer;
  /** The revision at which this value was written. */
  readonly modRevision: number;
  readonly createRevision: number;
}

export interface StoreEvent {
  readonly type: 'put' | 'delete';
  readonly key: string;
  readonly revision: number;
  /** The new value (put), or the last one (delete). */
  readonly value: Buffer;
  /** The value before, when there was one. */
  readonly previous: Buffer | undefined;
}

export interface RangeResult {
  readonly items: readonly StoredValue[];
  /** The revision this is a snapshot of. */
  readonly revision: number;
  /** Whether more keys follow after the last of `items`. */
  readonly more: boolean;
  /** How many; left out where that is not known. */
  readonly remaining?: number;
}

/** The write was refused since the key is not as the caller thought; `current` is what is there. */
export class StoreConflict extends Error {
  override readonly name = 'StoreConflict';
  readonly key: string;
  readonly current: StoredValue | undefined;
  constructor(key: string, current: StoredValue | undefined) {
    super(`${key}: expected another revision than ${current?.modRevision ?? 'none'}`);
    this.key = key;
    this.current = current;
  }
}

/** The revision asked for has been compacted away (HTTP 410). */
export class RevisionCompacted extends Error {
  override readonly name = 'RevisionCompacted';
}

/** Writes resolve when they are durable (fsync); watches hear of them only then, in order of revision. */
export interface Store {
  readonly revision: number;
  /** The latest committed state, without waiting: for code that decides within one turn. */
  readonly latest: {
    get(key: string): StoredValue | undefined;
    /** All keys with this prefix, in byte order. */
    range(prefix: string): readonly StoredValue[];
    /**
     * Tells of every change under `prefix` in the turn in which `get` shows it, before its writer hears of it: what is
     * indexed by this never lags. The handler must be quick. Returns a function that ends it.
     */
    onChange(prefix: string, handler: (event: StoreEvent) => void): () => void;
  };
  get(key: string): Promise<StoredValue | undefined>;
  /** Keys with this prefix in byte order; `startAfter` and `limit` page; `revision` reads an older snapshot if it is still there. */
  range(
    prefix: string,
    options?: { readonly limit?: number; readonly startAfter?: string; readonly revision?: number },
  ): Promise<RangeResult>;
  /** `expectedRevision` 0: the key must not exist. Rejects with StoreConflict. */
  put(key: string, value: Buffer, expectedRevision: number): Promise<StoredValue>;
  /** Rejects with StoreConflict. */
  delete(key: string, expectedRevision: number): Promise<{ readonly revision: number; readonly value: Buffer }>;
  /**
   * Every change after `afterRevision` under `prefix`, from history and then live. The handler must not block.
   * Throws RevisionCompacted. Returns a function that ends it.
   */
  watch(prefix: string, afterRevision: number, handler: (events: readonly StoreEvent[]) => void): () => void;
  close(): Promise<void>;
}
