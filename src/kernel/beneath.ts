/** Opens what lies in a folder that others may write to, and nothing else, whatever links they put there meanwhile. */
import { closeSync, constants, fstatSync, mkdirSync, openSync } from 'node:fs';

/** Node has no name for it: a descriptor that names a file and reads nothing (open(2)). */
const pathOnly = 0o10000000;
const { O_DIRECTORY, O_NOFOLLOW } = constants;

export interface BeneathOptions {
  /** Makes folders that are missing, with this mode. */
  readonly makeFolders?: number;
}

/** A magic link of procfs: it leads to what is open, not to a path that is looked up again (proc(5)). */
function inside(folder: number, name: string): string {
  return `/proc/self/fd/${folder}/${name}`;
}

function step(folder: number, name: string, isLast: boolean, makeMode: number | undefined): number {
  const flags = pathOnly | O_NOFOLLOW | (isLast ? 0 : O_DIRECTORY);
  try {
    return openSync(inside(folder, name), flags);
  } catch (error) {
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    if (!isMissing || makeMode === undefined) throw error;
    mkdirSync(inside(folder, name), { mode: makeMode });
    return openSync(inside(folder, name), pathOnly | O_NOFOLLOW | O_DIRECTORY);
  }
}

/**
 * A descriptor of `folder/path`, component by component, each seen from the one before it: a link that takes the place of any of them is an error,
 * not a way out. The caller closes it. `path` is relative, and empty for the folder itself; `..` is refused.
 */
export function openBeneath(folder: string, path: string, { makeFolders }: BeneathOptions = {}): number {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  if (path.startsWith('/') || parts.includes('..')) throw new Error(`${path} leads out of ${folder}`);
  let current = openSync(folder, pathOnly | O_DIRECTORY);
  try {
    for (const [index, part] of parts.entries()) {
      const next = step(current, part, index === parts.length - 1, makeFolders);
      closeSync(current);
      current = next;
    }
    // With O_PATH a link itself can be opened.
    if (fstatSync(current).isSymbolicLink()) throw new Error(`${path} of ${folder} is a link by now`);
    return current;
  } catch (error) {
    closeSync(current);
    throw error;
  }
}
