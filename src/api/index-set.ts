/** Look-ups by value over a set of keyed objects. */

export type IndexFunction<T> = (object: T) => readonly string[];

/** Keeps, for each index function, which objects gave which value. */
export class IndexSet<T> {
  readonly #functions: Readonly<Record<string, IndexFunction<T>>>;
  /** index → value → key → object */
  readonly #entries = new Map<string, Map<string, Map<string, T>>>();

  constructor(functions: Readonly<Record<string, IndexFunction<T>>>) {
    this.#functions = functions;
    for (const index of Object.keys(functions)) this.#entries.set(index, new Map());
  }

  /** Puts `next` in the place of `previous`; undefined means it was, or is, not there. */
  replace(key: string, previous: T | undefined, next: T | undefined): void {
    for (const [index, valuesOf] of Object.entries(this.#functions)) {
      const byValue = this.#entries.get(index);
      if (byValue === undefined) continue;
      if (previous !== undefined) {
        for (const value of valuesOf(previous)) {
          const keys = byValue.get(value);
          keys?.delete(key);
          if (keys?.size === 0) byValue.delete(value);
        }
      }
      if (next !== undefined) {
        for (const value of valuesOf(next)) {
          const keys = byValue.get(value);
          if (keys === undefined) byValue.set(value, new Map([[key, next]]));
          else keys.set(key, next);
        }
      }
    }
  }

  /** Throws when there is no index of this name. */
  get(index: string, value: string): readonly T[] {
    const byValue = this.#entries.get(index);
    if (byValue === undefined) throw new Error(`there is no index named ${index}`);
    return [...(byValue.get(value)?.values() ?? [])];
  }
}
