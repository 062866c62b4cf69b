/** Facts that the kernel cannot hold, a file each: a whole one or none, and known again by an agent that starts anew. */
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface KeptFiles<T> {
  get(name: string): T | undefined;
  all(): readonly (readonly [name: string, kept: T])[];
  /** Resolves when it is on disk. */
  put(name: string, kept: T): Promise<void>;
  delete(name: string): Promise<void>;
}

/** Reads what is there; a file that cannot be read is told to `onBroken` and left. */
export async function openKeptFiles<T>(folder: string, onBroken: (path: string) => void): Promise<KeptFiles<T>> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const known = new Map<string, T>();
  const pathOf = (name: string): string => join(folder, `${name}.json`);
  for (const file of await readdir(folder)) {
    if (!file.endsWith('.json')) continue;
    try {
      known.set(file.slice(0, -'.json'.length), JSON.parse(await readFile(join(folder, file), 'utf8')) as T);
    } catch {
      onBroken(join(folder, file));
    }
  }
  return {
    get: (name) => known.get(name),
    all: () => [...known],
    put: async (name, kept) => {
      await writeFile(`${pathOf(name)}.new`, JSON.stringify(kept), { mode: 0o600, flush: true });
      await rename(`${pathOf(name)}.new`, pathOf(name));
      known.set(name, kept);
    },
    delete: async (name) => {
      await rm(pathOf(name), { force: true });
      known.delete(name);
    },
  };
}
