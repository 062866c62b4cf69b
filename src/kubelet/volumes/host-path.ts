/** hostPath volumes: a file or folder of the node. */
import { chmod, mkdir, open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Stats } from 'node:fs';
import type { HostPathVolumeSource } from '../../api/types.gen.ts';

const checks: Readonly<Record<string, { readonly is: (stats: Stats) => boolean; readonly what: string }>> = {
  Directory: { is: (stats) => stats.isDirectory(), what: 'a directory' },
  DirectoryOrCreate: { is: (stats) => stats.isDirectory(), what: 'a directory' },
  File: { is: (stats) => stats.isFile(), what: 'a file' },
  FileOrCreate: { is: (stats) => stats.isFile(), what: 'a file' },
  Socket: { is: (stats) => stats.isSocket(), what: 'a socket file' },
  CharDevice: { is: (stats) => stats.isCharacterDevice(), what: 'a character device' },
  BlockDevice: { is: (stats) => stats.isBlockDevice(), what: 'a block device' },
};

/** Checks the path against its type and makes what is to be made. Resolves with the path. */
export async function prepareHostPath({ path, type = '' }: HostPathVolumeSource): Promise<string> {
  let stats = await stat(path).catch(() => undefined);
  if (stats === undefined && type === 'DirectoryOrCreate') {
    await mkdir(path, { recursive: true, mode: 0o755 });
    await chmod(path, 0o755);
  } else if (stats === undefined && type === 'FileOrCreate') {
    await stat(dirname(path));
    await (await open(path, 'a', 0o644)).close();
  } else if (stats === undefined && type === '') {
    // What the runtimes of the field do with a source that is missing.
    await mkdir(path, { recursive: true, mode: 0o755 });
  }
  stats ??= await stat(path).catch(() => undefined);
  const check = checks[type];
  if (check !== undefined && (stats === undefined || !check.is(stats))) {
    throw new Error(`hostPath type check failed: ${path} is not ${check.what}`);
  }
  return path;
}
