/** Control groups as files: v2, v1, and hybrid (v1 controllers with a v2 tree beside them). */
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readMounts, type MountEntry } from './mount.ts';

export type CgroupMode = 'v2' | 'v1' | 'hybrid';

/** How control groups are mounted here. */
export interface CgroupLayout {
  readonly mode: CgroupMode;
  /** Mount points of all hierarchies; the first is the one whose process lists we trust (v2 where there is one). */
  readonly roots: readonly string[];
}

const mountPoint = '/sys/fs/cgroup';
const removeTimeoutMs = 3_000;

/** Tells the layout from the mount table. Throws when nothing is mounted at all. */
export function cgroupLayout(mounts: readonly MountEntry[] = readMounts()): CgroupLayout {
  const top = mounts.findLast((mount) => mount.target === mountPoint); // the last one covers those before
  if (top?.type === 'cgroup2') return { mode: 'v2', roots: [mountPoint] };
  const under = mounts.filter((mount) => mount.target.startsWith(`${mountPoint}/`));
  const unified = under.filter((mount) => mount.type === 'cgroup2').map((mount) => mount.target);
  const legacy = under.filter((mount) => mount.type === 'cgroup').map((mount) => mount.target);
  // pids first: it is hierarchical, on every kernel, and never bound elsewhere
  legacy.sort((a, b) => Number(b.endsWith('/pids')) - Number(a.endsWith('/pids')));
  if (legacy.length === 0 && unified.length === 0) throw new Error(`no control groups are mounted at ${mountPoint}`);
  return { mode: unified.length > 0 ? 'hybrid' : 'v1', roots: [...unified, ...legacy] };
}

/** The controllers that v2 offers at a group, e.g. `['cpu', 'memory', 'pids']`; empty on v1. */
export async function availableControllers(layout: CgroupLayout, path = '/'): Promise<string[]> {
  const text = await readFile(join(layout.roots[0] ?? '', path, 'cgroup.controllers'), 'utf8').catch(() => '');
  return text.split(/\s+/).filter((name) => name !== '');
}

/** Makes the group in every hierarchy; fine when it is there. `path` is absolute inside the tree: `/podwire/pod1`. */
export async function createCgroup(layout: CgroupLayout, path: string): Promise<void> {
  for (const root of layout.roots) await mkdir(join(root, path), { recursive: true });
}

/** All processes in the group and below; empty when it is not there. */
export async function cgroupProcesses(layout: CgroupLayout, path: string): Promise<number[]> {
  const pids = new Set<number>();
  for (const root of layout.roots) {
    for (const folder of await tree(join(root, path))) {
      const text = await readFile(join(folder, 'cgroup.procs'), 'utf8').catch(() => '');
      for (const line of text.split('\n')) if (line !== '' && line !== '0') pids.add(Number(line));
    }
  }
  return [...pids];
}

/** Kills every process in the group and below: at once by `cgroup.kill` (Linux 5.14), otherwise one by one until none is left. */
export async function killCgroup(layout: CgroupLayout, path: string): Promise<void> {
  const file = join(layout.roots[0] ?? '', path, 'cgroup.kill');
  if (layout.mode === 'v2' && existsSync(file)) {
    await writeFile(file, '1').catch(ignoreMissing);
    return;
  }
  const deadline = Date.now() + removeTimeoutMs;
  for (let pids = await cgroupProcesses(layout, path); pids.length > 0; pids = await cgroupProcesses(layout, path)) {
    for (const pid of pids) kill(pid);
    if (Date.now() > deadline) throw new Error(`control group ${path}: ${pids.length} processes do not die`);
    await sleep(5);
  }
}

/** Removes the group and those below in every hierarchy, waiting for killed processes to leave it. Rejects when it stays in use. */
export async function removeCgroup(layout: CgroupLayout, path: string): Promise<void> {
  const deadline = Date.now() + removeTimeoutMs;
  for (const root of layout.roots) {
    for (const folder of await tree(join(root, path))) await removeFolder(folder, deadline);
  }
}

async function removeFolder(folder: string, deadline: number): Promise<void> {
  for (let waitMs = 1; ; waitMs = Math.min(waitMs * 2, 50)) {
    try {
      return await rmdir(folder);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      if ((error as NodeJS.ErrnoException).code !== 'EBUSY' || Date.now() > deadline) throw error;
    }
    await sleep(waitMs);
  }
}

/** A folder and all below, deepest first. */
async function tree(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => undefined);
  if (entries === undefined) return [];
  const below = await Promise.all(
    entries.filter((entry) => entry.isDirectory()).map((entry) => tree(join(folder, entry.name))),
  );
  return [...below.flat(), folder];
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // gone already
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}
