import { readFileSync } from 'node:fs';
import { CommandError, type Exec } from './exec.ts';

/** A line of `/proc/self/mountinfo` (proc(5)). */
export interface MountEntry {
  /** What of the file system is seen here, e.g. `/` or the folder that a bind mount shows. */
  readonly root: string;
  readonly target: string;
  readonly options: readonly string[];
  readonly type: string;
  readonly source: string;
  readonly superOptions: readonly string[];
}

/** Lines it cannot read are left out: the kernel may add fields, never take any away. */
export function parseMountinfo(text: string): MountEntry[] {
  return text.split('\n').flatMap((line) => {
    const [own, filesystem] = line.split(' - ');
    const [, , , root, target, options] = own?.split(' ') ?? [];
    const [type, source, superOptions] = filesystem?.split(' ') ?? [];
    if (root === undefined || target === undefined || options === undefined || type === undefined) return [];
    return [
      {
        root: unescape(root),
        target: unescape(target),
        options: options.split(','),
        type,
        source: unescape(source ?? ''),
        superOptions: superOptions?.split(',') ?? [],
      },
    ];
  });
}

/** The kernel writes space, tab, newline and backslash as three octal digits. */
function unescape(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_all, digits: string) => String.fromCharCode(parseInt(digits, 8)));
}

/** Every mount this process sees, in the order the kernel lists them (parents first). */
export function readMounts(): MountEntry[] {
  return parseMountinfo(readFileSync('/proc/self/mountinfo', 'utf8'));
}

/** Mount points at or under a folder, deepest first: the order to take them away. */
export function mountsUnder(folder: string, mounts: readonly MountEntry[] = readMounts()): string[] {
  const prefix = folder.endsWith('/') ? folder : `${folder}/`;
  return mounts
    .map((mount) => mount.target)
    .filter((target) => target === folder || target.startsWith(prefix))
    .reverse();
}

export interface OverlayMount {
  /** Read-only layers, the top one first. */
  readonly lower: readonly string[];
  /** Where changes go, and an empty folder beside it on the same file system; without them it is read-only. */
  readonly upper?: string;
  readonly work?: string;
  readonly target: string;
}

/** One page: the kernel refuses longer option texts (mount(2)). */
const maxOptionBytes = 4095;

/** The `-o` text of an overlay mount. Throws when paths hold characters that separate options, or do not fit one page. */
export function overlayOptions(overlay: OverlayMount): string {
  const { lower, upper, work } = overlay;
  const strange = [...lower, upper ?? '', work ?? ''].find((path) => /[,:"\\]/.test(path));
  if (strange !== undefined) throw new Error(`overlay: the path ${strange} holds one of , : " \\`);
  const options = [`lowerdir=${lower.join(':')}`];
  if (upper !== undefined && work !== undefined) options.push(`upperdir=${upper}`, `workdir=${work}`);
  const text = options.join(',');
  if (Buffer.byteLength(text) > maxOptionBytes)
    throw new Error(`overlay: ${lower.length} layers do not fit into one mount`);
  return text;
}

/** Mounts an overlay; all folders must be there. A device file in a layer opens nothing: images come from strangers. */
export async function mountOverlay(exec: Exec, overlay: OverlayMount): Promise<void> {
  const options = `nodev,${overlayOptions(overlay)}`;
  await exec.run({ argv: ['mount', '-t', 'overlay', 'overlay', '-o', options, overlay.target] });
}

/** Shows at `target` (a folder for a folder, a file for a file) what this process has open, whatever its path leads to by now. */
export async function mountOpenFile(exec: Exec, descriptor: number, target: string): Promise<void> {
  const source = `/proc/${process.pid}/fd/${descriptor}`;
  // mount(8) would look the link up and mount the path that it reads there.
  await exec.run({ argv: ['mount', '--no-canonicalize', '--bind', source, target] });
}

/**
 * Takes mounts away in the given order, in one spawn; those that are not there are no error. What is busy is
 * detached: gone from the tree at once, from the kernel when its last user ends.
 */
export async function unmount(exec: Exec, targets: readonly string[]): Promise<void> {
  if (targets.length === 0) return;
  try {
    await exec.run({ argv: ['umount', '--', ...targets] });
  } catch (error) {
    if (!isNotMounted(error) && !isMountBusy(error)) throw error;
    const left = new Set(readMounts().map((mount) => mount.target));
    const again = targets.filter((target) => left.has(target));
    if (again.length > 0) await exec.run({ argv: ['umount', '--lazy', '--', ...again] });
  }
}

/** Nothing is mounted there. */
export function isNotMounted(error: unknown): boolean {
  return (
    error instanceof CommandError && /not mounted|no mount point specified|No such file or directory/.test(error.stderr)
  );
}

/** Somebody still uses that mount. */
export function isMountBusy(error: unknown): boolean {
  return error instanceof CommandError && /target is busy/.test(error.stderr);
}
