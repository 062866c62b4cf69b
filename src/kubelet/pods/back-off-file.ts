/** A pod's back-off on disk: an agent that starts anew does not begin a crash loop from the front, a machine that starts anew does. */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { BackOffEntry } from './back-off.ts';

type Entries = ReadonlyMap<string, BackOffEntry>;

function isEntry(value: unknown): value is BackOffEntry {
  if (typeof value !== 'object' || value === null) return false;
  const { delayMs, raisedAtMs } = value as Partial<Record<keyof BackOffEntry, unknown>>;
  return typeof delayMs === 'number' && typeof raisedAtMs === 'number';
}

/**
 * Another word after each boot. A machine of a lab boots without its kernel, so the start of its first process counts too
 * (proc_pid_stat(5), field 22).
 */
async function bootMark(): Promise<string> {
  const [boot, first] = await Promise.all(
    ['/proc/sys/kernel/random/boot_id', '/proc/1/stat'].map((path) => readFile(path, 'utf8').catch(() => '')),
  );
  const startedAt = first?.slice(first.lastIndexOf(')') + 2).split(' ')[19];
  return `${boot?.trim()} ${startedAt}`;
}

/** By container name; empty when there is no file, none that can be read, or one of an earlier boot: what ended then ended with the machine. */
export async function readBackOff(path: string, mark = bootMark): Promise<Map<string, BackOffEntry>> {
  try {
    const { boot, containers } = JSON.parse(await readFile(path, 'utf8')) as { boot?: unknown; containers?: object };
    if (boot !== (await mark())) return new Map();
    const entries: [string, unknown][] = Object.entries(containers ?? {});
    return new Map(entries.filter((entry): entry is [string, BackOffEntry] => isEntry(entry[1])));
  } catch {
    return new Map();
  }
}

/** Whole or not at all. */
export async function writeBackOff(path: string, entries: Entries, mark = bootMark): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o755 });
  const content = { boot: await mark(), containers: Object.fromEntries(entries) };
  await writeFile(`${path}.new`, JSON.stringify(content), { mode: 0o600 });
  await rename(`${path}.new`, path);
}
