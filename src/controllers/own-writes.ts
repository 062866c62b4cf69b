/**
 * Read your own writes: an informer lags a few milliseconds behind, and a controller that plans from it would do again
 * what it has just done. What was written is remembered until the informer has it.
 */
import type { KubeObject } from '../api/client.ts';
import { keyOf, type Informer } from '../api/informer.ts';

interface Written<T> {
  /** Undefined: deleted. */
  readonly object: T | undefined;
  readonly uid: string | undefined;
  readonly scope: string;
  readonly at: number;
}

/** An informer that missed an object altogether (created and gone between two LISTs) is believed after this long. */
const believeInformerAfterMs = 60_000;

/** Resource versions of one resource grow (KEP-5504), so that they can be compared. */
function isOlder(a: KubeObject, b: KubeObject): boolean {
  return Number(a.metadata.resourceVersion ?? 0) < Number(b.metadata.resourceVersion ?? 0);
}

export class OwnWrites<T extends KubeObject> {
  readonly #informer: Informer<T>;
  readonly #written = new Map<string, Written<T>>();
  /** The last version written here, by key. */
  readonly #versions = new Map<string, string | undefined>();

  constructor(informer: Informer<T>) {
    this.#informer = informer;
    informer.onChange(({ type, object }) => {
      const key = keyOf(object);
      if (type === 'deleted') this.#versions.delete(key);
      const mine = this.#written.get(key);
      if (mine === undefined) return;
      const caughtUp = mine.object === undefined ? type === 'deleted' : !isOlder(object, mine.object);
      if (caughtUp) this.#written.delete(key);
    });
  }

  /** Remembers what the server answered to a create or update; `scope` is what {@link list} is asked with. */
  wrote(scope: string, object: T): void {
    const key = keyOf(object);
    this.#versions.set(key, object.metadata.resourceVersion);
    const cached = this.#informer.get(key);
    if (cached !== undefined && !isOlder(cached, object)) return;
    this.#written.set(key, { object, uid: object.metadata.uid, scope, at: Date.now() });
  }

  /** Remembers a deletion. */
  deleted(scope: string, object: T): void {
    const key = keyOf(object);
    if (this.#informer.get(key)?.metadata.uid !== object.metadata.uid) return;
    this.#written.set(key, { object: undefined, uid: object.metadata.uid, scope, at: Date.now() });
  }

  /** The newest known copy of one object. */
  get(key: string): T | undefined {
    const cached = this.#informer.get(key);
    const mine = this.#fresh(key);
    return mine === undefined ? cached : this.#newest(cached, mine);
  }

  /** Whether this very version is one that was written here: news that is none. */
  isOwn(object: T): boolean {
    return this.#versions.get(keyOf(object)) === object.metadata.resourceVersion;
  }

  /** The informer's objects of one scope, brought up to date with what was written to that scope. */
  list(scope: string, cached: readonly T[]): T[] {
    if (this.#written.size === 0) return [...cached];
    const result: T[] = [];
    const seen = new Set<string>();
    for (const object of cached) {
      const key = keyOf(object);
      seen.add(key);
      const mine = this.#fresh(key);
      const newest = mine === undefined ? object : this.#newest(object, mine);
      if (newest !== undefined) result.push(newest);
    }
    for (const [key, mine] of this.#written) {
      if (mine.scope !== scope || seen.has(key) || mine.object === undefined) continue;
      if (this.#fresh(key) !== undefined) result.push(mine.object);
    }
    return result;
  }

  #newest(cached: T | undefined, mine: Written<T>): T | undefined {
    if (mine.object === undefined) return cached?.metadata.uid === mine.uid ? undefined : cached;
    return cached !== undefined && !isOlder(cached, mine.object) ? cached : mine.object;
  }

  #fresh(key: string): Written<T> | undefined {
    const mine = this.#written.get(key);
    if (mine === undefined || Date.now() - mine.at < believeInformerAfterMs) return mine;
    this.#written.delete(key);
    return undefined;
  }
}
