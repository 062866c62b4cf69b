import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Records by ID, one file each, in memory as well. `put` returns when the file is in place, so state is on disk before
 * it is acted on. Files are small and written synchronously: tens of microseconds.
 */
export class Journal<T extends { readonly id: string }> {
  readonly #folder: string;
  readonly #records = new Map<string, T>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Reads everything back. A file cut short by a crash of the machine counts as absent, and is removed. */
  load(): void {
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    this.#records.clear();
    for (const name of readdirSync(this.#folder)) {
      const path = join(this.#folder, name);
      const record = name.endsWith('.json') ? parse<T>(path) : undefined;
      if (record === undefined) rmSync(path, { recursive: true, force: true });
      else this.#records.set(record.id, record);
    }
  }

  get(id: string): T | undefined {
    return this.#records.get(id);
  }

  all(): T[] {
    return [...this.#records.values()];
  }

  put(record: T): void {
    const path = join(this.#folder, `${record.id}.json`);
    writeFileSync(`${path}.new`, JSON.stringify(record), { mode: 0o600 });
    renameSync(`${path}.new`, path);
    this.#records.set(record.id, record);
  }

  remove(id: string): void {
    rmSync(join(this.#folder, `${id}.json`), { force: true });
    this.#records.delete(id);
  }
}

function parse<T>(path: string): T | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as T;
  } catch {
    return undefined;
  }
}
