import { join } from 'node:path';
import type { PodIdentity } from '../contract.ts';

/** Where everything of the runtime lies. State survives a reboot; what is in `runDir` (a tmpfs) does not, and need not. */
export interface Places {
  readonly sandboxRecords: string;
  readonly containerRecords: string;
  /** Containers' changes to their images. */
  readonly containers: string;
  readonly pauseRoot: string;
  readonly nodeId: string;
  /** Where conmon puts a file with the exit code of each container that ended. */
  readonly exits: string;
  readonly sockets: string;
  /** The OCI runtime's own state. */
  readonly oci: string;
  readonly execs: string;
  sandboxRun(id: string): string;
  bundle(id: string): string;
  rootfs(id: string): string;
  pidFile(id: string): string;
  exitFile(id: string): string;
  /** A container's changes to its image. */
  upper(id: string): string;
  work(id: string): string;
  readonly bundles: string;
  readonly rootfsFolder: string;
  readonly sandboxRuns: string;
  podCgroup(pod: PodIdentity): string;
  /** conmon lives beside the pods: killing a pod's group must not kill who reports its end. */
  readonly conmonCgroup: string;
}

/** The one place that knows folder names. */
export function placesOf(options: {
  readonly stateDir: string;
  readonly runDir: string;
  readonly cgroupParent: string;
}): Places {
  const { cgroupParent } = options;
  const stateDir = join(options.stateDir, 'runtime');
  const runDir = join(options.runDir, 'runtime');
  const containers = join(stateDir, 'containers');
  const bundles = join(runDir, 'bundles');
  const rootfsFolder = join(runDir, 'rootfs');
  const sandboxRuns = join(runDir, 'sandboxes');
  const exits = join(runDir, 'exits');
  const bundle = (id: string): string => join(bundles, id);
  return {
    sandboxRecords: join(stateDir, 'records', 'sandboxes'),
    containerRecords: join(stateDir, 'records', 'containers'),
    containers,
    pauseRoot: join(stateDir, 'pause'),
    nodeId: join(stateDir, 'node-id'),
    exits,
    sockets: join(runDir, 'sockets'),
    oci: join(runDir, 'oci'),
    execs: join(runDir, 'execs'),
    sandboxRun: (id) => join(sandboxRuns, id),
    bundle,
    rootfs: (id) => join(rootfsFolder, id),
    pidFile: (id) => join(bundle(id), 'pid'),
    exitFile: (id) => join(exits, id),
    upper: (id) => join(containers, id, 'upper'),
    work: (id) => join(containers, id, 'work'),
    bundles,
    rootfsFolder,
    sandboxRuns,
    podCgroup: (pod) => join(cgroupParent, `pod${pod.uid}`),
    conmonCgroup: join(cgroupParent, 'conmon'),
  };
}
