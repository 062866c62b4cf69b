/** The part of a volume that a container mounts by subPath: never outside of the volume. */
import { closeSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { join, normalize, relative } from 'node:path';
import { openBeneath } from '../../kernel/beneath.ts';

function isInside(root: string, path: string): boolean {
  return path === root || path.startsWith(`${root}/`);
}

/** The first existing folder on the way to `path`, links resolved; and what is missing behind it. */
async function existingPart(path: string): Promise<{ readonly real: string; readonly missing: string }> {
  for (let part = path; ; part = join(part, '..')) {
    const real = await realpath(part).catch(() => undefined);
    if (real !== undefined) return { real, missing: relative(part, path) };
  }
}

/**
 * `volume/subPath` with links resolved, made as a folder when missing, and the volume it lies in. Rejects when it leads out of the
 * volume. A container of the same pod may put a link there at any time: whoever mounts it must not follow one below `beneath`.
 */
export async function resolveSubPath(volume: string, subPath: string): Promise<{ hostPath: string; beneath: string }> {
  const refuse = (): never => {
    throw new Error(`subPath ${JSON.stringify(subPath)} leads out of the volume`);
  };
  if (subPath.startsWith('/') || normalize(subPath).split('/').includes('..')) refuse();
  const beneath = await realpath(volume);
  const { real, missing } = await existingPart(join(beneath, subPath));
  if (!isInside(beneath, real)) refuse();
  const hostPath = join(real, missing);
  closeSync(openBeneath(beneath, relative(beneath, hostPath), { makeFolders: 0o750 }));
  return { hostPath, beneath };
}
