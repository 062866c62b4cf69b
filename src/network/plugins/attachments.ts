/** What was asked of plugins, and what they gave, on disk: DEL must say the same again, also after the agent has started anew. */
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PodIdentity } from '../contract.ts';
import type { Attachment, PluginResult } from './chain.ts';

export interface Kept {
  readonly pod: PodIdentity;
  readonly attachment: Attachment;
  /** Missing while ADD is under way, and after one that was cut off. */
  readonly result?: PluginResult;
}

export interface Attachments {
  get(name: string): Kept | undefined;
  all(): readonly (readonly [name: string, kept: Kept])[];
  /** Resolves when it is on disk. */
  put(name: string, kept: Kept): Promise<void>;
  delete(name: string): Promise<void>;
}

/** Reads what is there; a file that cannot be read is told to `onBroken` and left. */
export async function openAttachments(folder: string, onBroken: (path: string) => void): Promise<Attachments> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const known = new Map<string, Kept>();
  const pathOf = (name: string): string => join(folder, `${name}.json`);
  for (const file of await readdir(folder)) {
    if (!file.endsWith('.json')) continue;
    try {
      known.set(file.slice(0, -'.json'.length), JSON.parse(await readFile(join(folder, file), 'utf8')) as Kept);
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
