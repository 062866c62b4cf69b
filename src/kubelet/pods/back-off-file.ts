/** A pod's back-off on disk: an agent that starts anew does not begin a crash loop from the front. */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { BackOffEntry } from './back-off.ts';

function isEntry(value: unknown): value is BackOffEntry {
  if (typeof value !== 'object' || value === null) return false;
  const { delayMs, raisedAtMs } = value as Partial<Record<keyof BackOffEntry, unknown>>;
  return typeof delayMs === 'number' && typeof raisedAtMs === 'number';
}

/** By container name; empty when there is no file, or none that can be read. */
export async function readBackOff(path: string): Promise<Map<string, BackOffEntry>> {
  try {
    const content = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;
    return new Map(Object.entries(content).filter((entry): entry is [string, BackOffEntry] => isEntry(entry[1])));
  } catch {
    return new Map();
  }
}

/** Whole or not at all. */
export async function writeBackOff(path: string, entries: ReadonlyMap<string, BackOffEntry>): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o755 });
  await writeFile(`${path}.new`, JSON.stringify(Object.fromEntries(entries)), { mode: 0o600 });
  await rename(`${path}.new`, path);
}
