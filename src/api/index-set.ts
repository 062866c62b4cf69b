/** Look-ups by value over a set of keyed objects. */

export type IndexFunction<T> = (object: T) => readonly string[];

/** Most values are one object's: that one needs no Map of its own, which is larger than most objects. */
class Single<T> {
  readonly key: string;
  readonly object: T;

  constructor(key: string, object: T) {
    this.key = key;
    this.object = object;
  }
}

type Found<T> = Single<T> | Map<string, T>;

function added<T>(found: Found<T> | undefined, key: string, object: T): Found<T> {
  if (found instanceof Map) return found.set(key, object);
  if (found === undefined || found.key === key) return new Single(key, object);
  return new Map([
    [found.key, found.object],
    [key, object],
  ]);
}

/** Undefined when nothing is left. */
function removed<T>(found: Found<T> | undefined, key: string): Found<T> | undefined {
  if (!(found instanceof Map)) return found?.key === key ? undefined : found;
  found.delete(key);
  return found.size === 0 ? undefined : found;
}

/** Keeps, for each index function, which objects gave which value. */
export class IndexSet<T> {
  readonly #functions: Readonly<Record<string, IndexFunction<T>>>;
  /** index → value → object, or key → object where there are several */
  readonly #entries = new Map<string, Map<string, Found<T>>>();

  constructor(functions: Readonly<Record<string, IndexFunction<T>>>) {
    this.#functions = functions;
    for (const index of Object.keys(functions)) this.#entries.set(index, new Map());
  }

  /** Puts `next` in the place of `previous`; undefined means it was, or is, not there. */
  replace(key: string, previous: T | undefined, next: T | undefined): void {
    for (const [index, valuesOf] of Object.entries(this.#functions)) {
      const byValue = this.#entries.get(index);
      if (byValue === undefined) continue;
      for (const value of previous === undefined ? [] : valuesOf(previous)) {
        const left = removed(byValue.get(value), key);
        if (left === undefined) byValue.delete(value);
        else byValue.set(value, left);
      }
      for (const value of next === undefined ? [] : valuesOf(next))
        byValue.set(value, added(byValue.get(value), key, next as T));
    }
  }

  /** Throws when there is no index of this name. */
  get(index: string, value: string): readonly T[] {
    const byValue = this.#entries.get(index);
    if (byValue === undefined) throw new Error(`there is no index named ${index}`);
    const found = byValue.get(value);
    if (found === undefined) return [];
    return found instanceof Map ? [...found.values()] : [found.object];
  }
}
