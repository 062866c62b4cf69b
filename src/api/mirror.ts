/** A set of objects that tells its subscribers what changed: the memory of an informer. No IO. */
import type { KubeObject } from './client.ts';
import { IndexSet, type IndexFunction } from './index-set.ts';
import { keyOf, type Change } from './informer.ts';
import type { Logger } from './logger.ts';

export class Mirror<T extends KubeObject> {
  readonly #objects = new Map<string, T>();
  readonly #handlers = new Set<(change: Change<T>) => void>();
  readonly #indexes: IndexSet<T>[] = [];
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  list(): readonly T[] {
    return [...this.#objects.values()];
  }

  /** An index over what is here and what will come. */
  addIndexes(functions: Readonly<Record<string, IndexFunction<T>>>): IndexSet<T> {
    const set = new IndexSet(functions);
    for (const [key, object] of this.#objects) set.replace(key, undefined, object);
    this.#indexes.push(set);
    return set;
  }

  subscribe(handler: (change: Change<T>) => void): () => void {
    // A wrapper of its own, so that the same function may subscribe twice.
    const own = (change: Change<T>): void => handler(change);
    this.#handlers.add(own);
    for (const object of this.list()) this.#call(own, { type: 'added', object });
    return () => {
      this.#handlers.delete(own);
    };
  }

  /** Takes an object as it is now. An object of the same name but another UID is a deletion and an addition. */
  put(object: T): void {
    const key = keyOf(object);
    const previous = this.#objects.get(key);
    if (previous?.metadata.uid === object.metadata.uid && previous !== undefined) {
      if (sameVersion(previous, object)) return;
      this.#store(key, previous, object);
      this.#tell({ type: 'updated', object, previous });
      return;
    }
    if (previous !== undefined) this.#remove(key, previous, previous);
    this.#store(key, undefined, object);
    this.#tell({ type: 'added', object });
  }

  /** `object` is its last state. */
  delete(object: T): void {
    const key = keyOf(object);
    const previous = this.#objects.get(key);
    if (previous !== undefined) this.#remove(key, previous, object);
  }

  /** Takes a whole LIST: what is missing in it has been deleted. */
  replaceAll(objects: readonly T[]): void {
    const keys = new Set(objects.map((object) => keyOf(object)));
    for (const [key, previous] of [...this.#objects]) {
      if (!keys.has(key)) this.#remove(key, previous, previous);
    }
    for (const object of objects) this.put(object);
  }

  #remove(key: string, previous: T, object: T): void {
    this.#store(key, previous, undefined);
    this.#tell({ type: 'deleted', object, previous });
  }

  #store(key: string, previous: T | undefined, next: T | undefined): void {
    if (next === undefined) this.#objects.delete(key);
    else this.#objects.set(key, next);
    for (const index of this.#indexes) index.replace(key, previous, next);
  }

  #tell(change: Change<T>): void {
    for (const handler of [...this.#handlers]) this.#call(handler, change);
  }

  #call(handler: (change: Change<T>) => void, change: Change<T>): void {
    try {
      handler(change);
    } catch (error) {
      this.#logger.error('a change handler threw', { key: keyOf(change.object), change: change.type, error });
    }
  }
}

function sameVersion(a: KubeObject, b: KubeObject): boolean {
  return a.metadata.resourceVersion !== undefined && a.metadata.resourceVersion === b.metadata.resourceVersion;
}
