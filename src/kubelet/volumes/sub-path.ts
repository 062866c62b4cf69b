/** The part of a volume that a container mounts by subPath: never outside of the volume. */
import { mkdir, realpath, stat } from 'node:fs/promises';
import { join, normalize } from 'node:path';

function isInside(root: string, path: string): boolean {
  return path === root || path.startsWith(`${root}/`);
}

/** The first existing folder on the way to `path`, links resolved. */
async function existingPart(path: string): Promise<string> {
  for (let part = path; ; part = join(part, '..')) {
    const real = await realpath(part).catch(() => undefined);
    if (real !== undefined) return real;
  }
}

/**
 * `volume/subPath` with links resolved, made as a folder when missing. Rejects when it leads out of the volume. Links are
 * checked before the mount: a container of the same pod that changes them in between is not caught.
 */
export async function resolveSubPath(volume: string, subPath: string): Promise<string> {
  if (subPath.startsWith('/') || normalize(subPath).split('/').includes('..')) {
    throw new Error(`subPath ${JSON.stringify(subPath)} leads out of the volume`);
  }
  const root = await realpath(volume);
  const wanted = join(root, subPath);
  if (!isInside(root, await existingPart(wanted)))
    throw new Error(`subPath ${JSON.stringify(subPath)} leads out of the volume`);
  if ((await stat(wanted).catch(() => undefined)) === undefined) await mkdir(wanted, { recursive: true, mode: 0o750 });
  const real = await realpath(wanted);
  if (!isInside(root, real)) throw new Error(`subPath ${JSON.stringify(subPath)} leads out of the volume`);
  return real;
}
