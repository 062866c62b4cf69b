/**
 * Parts of volumes. A container of the same pod may put a link in the place of one after it was checked and before it is mounted, so
 * it is opened without following links, and what is open is mounted at a place of ours, which the OCI runtime then mounts.
 */
import { closeSync, fstatSync, mkdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import { openBeneath } from '../../kernel/beneath.ts';
import { mountOpenFile, unmount } from '../../kernel/mount.ts';
import type { Mount } from '../contract.ts';
import type { RuntimeNode } from './node.ts';

export interface HeldMounts {
  /** The same mounts, from places that nobody else can change. */
  readonly mounts: readonly Mount[];
  /** Once the container has them. */
  release(): Promise<void>;
}

interface Held {
  readonly target: string;
  readonly isFolder: boolean;
}

async function hold(node: RuntimeNode, { hostPath, beneath = '' }: Mount, target: string): Promise<Held> {
  const descriptor = openBeneath(beneath, relative(beneath, hostPath));
  try {
    const isFolder = fstatSync(descriptor).isDirectory();
    if (isFolder) mkdirSync(target, { recursive: true, mode: 0o700 });
    else writeFileSync(target, '', { mode: 0o600 });
    await mountOpenFile(node.exec, descriptor, target);
    return { target, isFolder };
  } finally {
    closeSync(descriptor);
  }
}

/** Never with its content: were it still mounted, that would be somebody's data. */
async function letGo(node: RuntimeNode, held: readonly Held[]): Promise<void> {
  await unmount(
    node.exec,
    held.map(({ target }) => target),
  );
  for (const { target, isFolder } of held) {
    if (isFolder) rmdirSync(target);
    else rmSync(target);
  }
}

/** Rejects when one of them is not what it was when it was checked. What a crash leaves, the sweep at the next start takes away. */
export async function holdSubPaths(node: RuntimeNode, id: string, mounts: readonly Mount[]): Promise<HeldMounts> {
  const held: Held[] = [];
  const made: Mount[] = [];
  try {
    for (const mount of mounts) {
      if (mount.beneath === undefined) made.push(mount);
      else {
        const target = `${node.places.rootfs(id)}.${held.length}`;
        held.push(await hold(node, mount, target));
        made.push({ ...mount, hostPath: target });
      }
    }
  } catch (error) {
    await letGo(node, held);
    throw error;
  }
  return { mounts: made, release: () => letGo(node, held) };
}
