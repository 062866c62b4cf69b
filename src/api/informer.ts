/** A local copy of one resource, kept by list and watch. */
import type { KubeObject } from './client.ts';
import type { ResourceType } from './resources.ts';

/** What changed. `previous` is the copy before it; it is missing for an addition. */
export interface Change<T> {
  readonly type: 'added' | 'updated' | 'deleted';
  readonly object: T;
  readonly previous?: T;
}

/** `namespace/name`, or `name` for a cluster-scoped object. */
export function keyOf(object: Pick<KubeObject, 'metadata'>): string {
  const { namespace, name } = object.metadata;
  return namespace === undefined ? (name ?? '') : `${namespace}/${name}`;
}

/**
 * Reads are from memory and never wait; objects are shared and must not be changed. A lost connection is resumed with
 * back-off (the copy stays as it was meanwhile); a resourceVersion that is too old means a new LIST, whose differences
 * arrive as ordinary changes. An exception in a handler is logged and does not stop the others.
 */
export interface Informer<T extends KubeObject> {
  /** Resolves after the first LIST has been delivered to the handlers. */
  readonly synced: Promise<void>;
  readonly hasSynced: boolean;
  /** Whether the server is heard now: what it does not know of then is not there. False before the first LIST and while the watch is broken. */
  readonly isCurrent: boolean;
  get(key: string): T | undefined;
  list(): readonly T[];
  /** Objects for which the index function named `index` gave `value`. */
  byIndex(index: string, value: string): readonly T[];
  /** Returns a function that unsubscribes. Objects already known are delivered as additions at once. */
  onChange(handler: (change: Change<T>) => void): () => void;
}

/** Makes informers over one client and shares them: the same type and options give the same informer. */
export interface InformerFactory {
  informer<T extends KubeObject>(type: ResourceType<T>, options?: InformerOptions<T>): Informer<T>;
}

export interface InformerOptions<T> {
  readonly namespace?: string;
  readonly fieldSelector?: string;
  readonly labelSelector?: string;
  /** What of each object is kept, so that a large cluster fits into a small memory; `metadata` must stay. All of it when left out. */
  readonly keep?: (object: T) => T;
  /** Objects of a LIST that come at once: few for a small memory, at the price of more requests. All of them at first when left out. */
  readonly pageSize?: number;
  readonly indexes?: Readonly<Record<string, (object: T) => readonly string[]>>;
}
