/** How much of a disk a folder takes. */
import { lstat, opendir } from 'node:fs/promises';
import { join } from 'node:path';

const blockBytes = 512;

interface Counted {
  bytes: number;
  /** Files with several names count once: `DEVICE:INODE`. */
  readonly seen: Set<string>;
}

async function add(path: string, counted: Counted, limit: number): Promise<void> {
  // What goes away while it is looked at takes nothing.
  const stats = await lstat(path).catch(() => undefined);
  if (stats === undefined || counted.bytes > limit) return;
  const key = `${stats.dev}:${stats.ino}`;
  if (stats.nlink > 1 && !stats.isDirectory() && counted.seen.has(key)) return;
  if (stats.nlink > 1) counted.seen.add(key);
  counted.bytes += stats.blocks * blockBytes;
  if (!stats.isDirectory()) return;
  const folder = await opendir(path).catch(() => undefined);
  if (folder === undefined) return;
  for await (const { name } of folder) await add(join(path, name), counted, limit);
}

/** Bytes on disk of a file or of all that is below a folder; links are not followed. Beyond `limit` it stops counting. Nothing there: 0. */
export async function diskUsage(path: string, limit = Infinity): Promise<number> {
  const counted: Counted = { bytes: 0, seen: new Set() };
  await add(path, counted, limit);
  return counted.bytes;
}
