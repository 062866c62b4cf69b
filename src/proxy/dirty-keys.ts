/** Which Services have to be looked at again. */
export interface DirtyKeys {
  add(key: string): void;
  addAll(): void;
  /** What was added since the last `take`. */
  take(): ReadonlySet<string> | 'all';
}

/** Begins with everything. */
export function createDirtyKeys(): DirtyKeys {
  let keys = new Set<string>();
  let all = true;
  return {
    add: (key) => void keys.add(key),
    addAll: () => {
      all = true;
    },
    take: () => {
      const taken = all ? 'all' : keys;
      keys = new Set();
      all = false;
      return taken;
    },
  };
}
