/**
 * Writes a set of files that changes all at once: the files lie in a folder of their own, `..data` points to it, and each
 * name points through `..data`; a new set is one rename of that link.
 */
import {
  chmod,
  chown,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { basename, dirname, join, normalize } from 'node:path';

export interface VolumeFile {
  readonly content: Buffer;
  readonly mode: number;
}

/** By path inside the volume, such as `a` or `dir/b`. */
export type VolumeFiles = ReadonlyMap<string, VolumeFile>;

/** A path as the API allows it: relative, never upwards, never one of our own names. */
export function checkVolumePath(path: string): string {
  const clean = normalize(path);
  if (path === '' || path.startsWith('/') || clean.split('/').includes('..') || clean.startsWith('..')) {
    throw new Error(`not a path inside a volume: ${JSON.stringify(path)}`);
  }
  return clean;
}

async function listFiles(dir: string, prefix = ''): Promise<string[]> {
  const entries = await readdir(join(dir, prefix), { withFileTypes: true });
  const nested = entries.map(async (entry) => {
    const path = join(prefix, entry.name);
    return entry.isDirectory() ? listFiles(dir, path) : [path];
  });
  return (await Promise.all(nested)).flat();
}

async function isSame(dir: string, files: VolumeFiles): Promise<boolean> {
  const there = await listFiles(join(dir, '..data')).catch(() => undefined);
  if (there === undefined || there.length !== files.size) return false;
  for (const [path, { content }] of files) {
    const old = await readFile(join(dir, '..data', path)).catch(() => undefined);
    if (old === undefined || !old.equals(content)) return false;
  }
  return true;
}

async function writeSet(dir: string, files: VolumeFiles, group: number | undefined): Promise<string> {
  const set = await mkdtemp(join(dir, `..${new Date().toISOString().replaceAll(/[:.]/g, '_')}.`));
  await chmod(set, 0o755);
  for (const [path, { content, mode }] of files) {
    const target = join(set, path);
    if (dirname(path) !== '.') await mkdir(dirname(target), { recursive: true, mode: 0o755 });
    await writeFile(target, content, { mode: 0o600, flag: 'wx' });
    if (group !== undefined) await chown(target, -1, group);
    await chmod(target, group === undefined ? mode : mode | 0o040);
  }
  return basename(set);
}

async function pointTo(dir: string, name: string, target: string): Promise<void> {
  const link = join(dir, name);
  const temporary = join(dir, `..link_${process.pid}_${name}`);
  await rm(temporary, { force: true });
  await symlink(target, temporary);
  await rename(temporary, link);
}

async function linkNames(dir: string, files: VolumeFiles): Promise<void> {
  const wanted = new Set([...files.keys()].map((path) => path.split('/')[0] ?? path));
  for (const name of await readdir(dir)) {
    if (name.startsWith('..') || wanted.delete(name)) continue;
    if ((await lstat(join(dir, name))).isSymbolicLink()) await rm(join(dir, name));
  }
  for (const name of wanted) await pointTo(dir, name, join('..data', name));
}

/** Makes `dir` hold exactly these files; nothing is written when it does. Paths must be checked before. */
export async function writeVolumeFiles(dir: string, files: VolumeFiles, group?: number): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o755 });
  if (await isSame(dir, files)) return;
  const old = await readlink(join(dir, '..data')).catch(() => undefined);
  const set = await writeSet(dir, files, group);
  await pointTo(dir, '..data', set);
  await linkNames(dir, files);
  if (old !== undefined) await rm(join(dir, basename(old)), { recursive: true, force: true });
}
