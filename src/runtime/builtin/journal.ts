import { mkdirSync, readdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Records by ID, one file each, in memory as well. `put` returns when the file is in place, so state is on disk before
 * it is acted on. Files are small and written synchronously: tens of microseconds. Each version has a name of its own
 * (`ID.VERSION.json`) and the one before goes after it: ext4 waits for the disk when a rename replaces a file.
 */
export class Journal<T extends { readonly id: string }> {
  readonly #folder: string;
  readonly #records = new Map<string, T>();
  readonly #versions = new Map<string, number>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Reads everything back: of each record the newest version that is whole. What a crash left besides is removed. */
  load(): void {
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    this.#records.clear();
    this.#versions.clear();
    for (const name of readdirSync(this.#folder)) {
      const version = versionOf(name);
      const record = version === undefined ? undefined : parse<T>(join(this.#folder, name));
      const newest = record === undefined ? undefined : this.#versions.get(record.id);
      if (version === undefined || record === undefined || (newest ?? -1) > version) this.#drop(name);
      else {
        if (newest !== undefined) this.#drop(fileName(record.id, newest));
        this.#records.set(record.id, record);
        this.#versions.set(record.id, version);
      }
    }
  }

  get(id: string): T | undefined {
    return this.#records.get(id);
  }

  all(): T[] {
    return [...this.#records.values()];
  }

  put(record: T): void {
    const { id } = record;
    const before = this.#versions.get(id);
    const version = (before ?? 0) + 1;
    // Under its own name at once: a version that was cut short is no JSON, and the one before is still there then.
    writeFileSync(join(this.#folder, fileName(id, version)), JSON.stringify(record), { mode: 0o600 });
    if (before !== undefined) this.#drop(fileName(id, before));
    this.#records.set(id, record);
    this.#versions.set(id, version);
  }

  remove(id: string): void {
    const version = this.#versions.get(id);
    if (version !== undefined) this.#drop(fileName(id, version));
    this.#records.delete(id);
    this.#versions.delete(id);
  }

  /** One system call; rmSync makes three of a file. What is no file stays, and is no record either. */
  #drop(name: string): void {
    try {
      unlinkSync(join(this.#folder, name));
    } catch {
      // gone already
    }
  }
}

/** Version 0 stands for records without a number in their name. */
function fileName(id: string, version: number): string {
  return version === 0 ? `${id}.json` : `${id}.${version}.json`;
}

function versionOf(name: string): number | undefined {
  const match = /^[^.]+(?:\.(\d{1,15}))?\.json$/.exec(name);
  return match === null ? undefined : Number(match[1] ?? 0);
}

function parse<T>(path: string): T | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as T;
  } catch {
    return undefined;
  }
}
