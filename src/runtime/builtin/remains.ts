/** Taking away what a container or a pause process left: control group, OCI state, bundle, mount, exit file. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { killCgroup, removeCgroup, type CgroupLayout } from '../../kernel/cgroup.ts';
import type { Exec } from '../../kernel/exec.ts';
import { mountsUnder, unmount } from '../../kernel/mount.ts';
import { signalProcess, type ProcessIdentity } from '../../kernel/processes.ts';
import type { OciRuntime } from './oci-runtime.ts';
import type { Places } from './places.ts';

/** The parts of a node that clean-up needs. */
export interface Remains {
  readonly exec: Exec;
  readonly places: Places;
  readonly cgroups: CgroupLayout;
  readonly runtime: OciRuntime;
}

/** Kills every process of a container, those started by exec as well. */
export async function killContainer(
  node: Remains,
  cgroup: string,
  process: ProcessIdentity | undefined,
): Promise<void> {
  if (process !== undefined) signalProcess(process, 'SIGKILL');
  await killCgroup(node.cgroups, cgroup);
}

/**
 * Takes away all that a container had in the kernel and under the run folder, whatever of it is left. The OCI runtime's own state is a folder: with
 * its processes and its group gone, removing that is all `delete` would do.
 */
export async function clearRunState(node: Remains, id: string, cgroup: string): Promise<void> {
  const { places, runtime } = node;
  await killContainer(node, cgroup, undefined);
  await removeCgroup(node.cgroups, cgroup);
  await unmount(node.exec, mountsUnder(places.rootfs(id)));
  await Promise.all(
    [join(runtime.root, id), places.rootfs(id), places.bundle(id), join(places.sockets, id), places.exitFile(id)].map(
      (path) => rm(path, { recursive: true, force: true }),
    ),
  );
}
