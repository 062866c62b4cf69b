/** What a start finds: containers outlive the agent, a machine's boot outlives nothing but the state folder. */
import { existsSync } from 'node:fs';
import { chmod, copyFile, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { createCgroup, type CgroupLayout } from '../../kernel/cgroup.ts';
import type { Exec } from '../../kernel/exec.ts';
import { mountsUnder, unmount } from '../../kernel/mount.ts';
import { isAlive } from '../../kernel/processes.ts';
import { containerCgroup, endRest } from './containers.ts';
import { readExitFile } from './exit-watch.ts';
import type { RuntimeNode } from './node.ts';
import type { Places } from './places.ts';
import { ended, endOf, failedStart, lostEnd, type ContainerRecord } from './records.ts';
import { clearRunState } from './remains.ts';
import { removeSandbox } from './sandboxes.ts';

/** Makes every folder, empties that of commands, makes the root folder of pause processes with the program in it. */
export async function prepareFolders(places: Places, cgroups: CgroupLayout, pauseProgram: string): Promise<void> {
  const { containers, exits, sockets, oci, execs, bundles, rootfsFolder, sandboxRuns, pauseRoot } = places;
  for (const folder of [containers, exits, sockets, oci, execs, bundles, rootfsFolder])
    await mkdir(folder, { recursive: true, mode: 0o700 });
  for (const folder of [sandboxRuns, join(pauseRoot, 'proc'), join(pauseRoot, 'dev')])
    await mkdir(folder, { recursive: true, mode: 0o711 });
  // Of commands of an agent that ended. Not with the rest of what it left: commands are run while that is taken away.
  for (const name of await readdir(execs)) await rm(join(execs, name), { force: true });
  await chmod(pauseRoot, 0o711);
  await createCgroup(cgroups, places.conmonCgroup);
  const program = join(pauseRoot, 'pause');
  const [want, have] = await Promise.all([stat(pauseProgram), stat(program).catch(() => undefined)]);
  if (have?.size === want.size && have.mtimeMs >= want.mtimeMs) return;
  await copyFile(pauseProgram, `${program}.new`);
  await chmod(`${program}.new`, 0o755);
  await rename(`${program}.new`, program);
}

/**
 * Keeps the process that starts programs out of the group that we run in: conmons are born where it is, and a supervisor that stops us
 * by group must not stop what watches containers. (Moving each conmon would cost some 10 ms a container: the kernel waits for all readers.)
 */
export function moveStarterAside(exec: Exec, cgroups: CgroupLayout, group: string): void {
  exec.placeStarter?.(cgroups.roots.map((root) => join(root, group, 'cgroup.procs')));
}

/** The node's name in leases: made once, kept with its state. */
export async function readNodeId(places: Places): Promise<string> {
  const known = await readFile(places.nodeId, 'utf8').catch(() => '');
  if (known !== '') return known;
  const fresh = randomUUID();
  await writeFile(places.nodeId, fresh, { mode: 0o600 });
  return fresh;
}

/** Brings records and kernel together: adopts what runs, tells what ended, takes away what was half made or nobody knows. */
export async function recover(node: RuntimeNode): Promise<void> {
  for (const record of node.containers.all()) await recoverContainer(node, record);
  for (const record of node.sandboxes.all()) {
    if (record.state === 'creating') await removeSandbox(node, record.id);
    else if (record.state === 'ready' && (record.pause === undefined || !isAlive(record.pause))) {
      node.sandboxes.put({ ...record, state: 'notready' });
      node.emit({ type: 'sandboxNotReady', podUid: record.config.pod.uid, id: record.id });
    }
  }
  await sweep(node);
}

async function recoverContainer(node: RuntimeNode, record: ContainerRecord): Promise<void> {
  const sandbox = node.sandboxes.get(record.sandboxId);
  if (sandbox === undefined) {
    node.containers.remove(record.id); // the sweep takes the rest
    return;
  }
  if (record.state === 'starting') {
    await clearRunState(node, record.id, containerCgroup(node, sandbox, record.id));
    node.containers.put(ended(record, failedStart('the agent ended while it was started', new Date())));
  } else if (record.state === 'running' && (record.process === undefined || !isAlive(record.process))) {
    const exit = readExitFile(node.places.exitFile(record.id), record.id);
    const outOfMemory = existsSync(join(node.places.bundle(record.id), 'oom'));
    node.containers.put(
      ended(record, exit === undefined ? lostEnd(new Date()) : endOf(exit.exitCode, exit.at, outOfMemory)),
    );
  } else return;
  await endRest(node, sandbox, record.id);
  node.emit({ type: 'containerExited', podUid: sandbox.config.pod.uid, id: record.id });
}

/** What lies in our folders and belongs to no record: a crash between two steps left it. */
async function sweep(node: RuntimeNode): Promise<void> {
  const { places, containers, sandboxes } = node;
  const isKnown = (id: string): boolean => containers.get(id) !== undefined || sandboxes.get(id) !== undefined;
  const strangers = async (folder: string): Promise<string[]> =>
    (await readdir(folder).catch(() => [])).filter((name) => !isKnown(name));
  const mounts = mountsUnder(places.rootfsFolder).filter(
    (target) => !isKnown(target.slice(places.rootfsFolder.length + 1)),
  );
  await unmount(node.exec, mounts);
  for (const folder of [
    places.bundles,
    places.rootfsFolder,
    places.sandboxRuns,
    places.containers,
    places.oci,
    places.sockets,
    places.exits,
  ]) {
    for (const name of await strangers(folder)) await rm(join(folder, name), { recursive: true, force: true });
  }
  for (const holder of await node.images.holders(node.nodeId)) {
    if (!isKnown(holder)) await node.images.release(node.nodeId, holder);
  }
}
