/** The files and folders of the node that a container sees. */
import type { Container, Pod } from '../../api/types.gen.ts';
import type { Mount, MountPropagation } from '../../runtime/contract.ts';
import type { PodDirs } from '../files/pod-dirs.ts';
import { resolveSubPath } from '../volumes/sub-path.ts';
import { configError } from './config-error.ts';
import { expand } from './expand.ts';

export interface MountsInput {
  readonly pod: Pod;
  readonly container: Container;
  readonly attempt: number;
  readonly dirs: PodDirs;
  /** Path on the node by volume name. */
  readonly volumes: ReadonlyMap<string, string>;
  readonly env: ReadonlyMap<string, string>;
}

/** Where a container writes its last words, unless its spec says otherwise. */
export const defaultTerminationPath = '/dev/termination-log';

type VolumeMount = NonNullable<Container['volumeMounts']>[number];

async function sourceOf(
  mount: VolumeMount,
  { volumes, env }: MountsInput,
): Promise<Pick<Mount, 'hostPath' | 'beneath'>> {
  const volume = volumes.get(mount.name);
  if (volume === undefined) throw configError(`volume "${mount.name}" is not there`);
  const subPath = mount.subPathExpr === undefined ? mount.subPath : expand(mount.subPathExpr, (name) => env.get(name));
  if (subPath === undefined || subPath === '') return { hostPath: volume };
  try {
    return await resolveSubPath(volume, subPath);
  } catch (error) {
    throw configError(`failed to prepare subPath for volumeMount "${mount.name}": ${String(error)}`);
  }
}

async function volumeMount(mount: VolumeMount, input: MountsInput): Promise<Mount> {
  const containerPath = mount.mountPath.startsWith('/') ? mount.mountPath : `/${mount.mountPath}`;
  const { mountPropagation = 'None', readOnly = false } = mount;
  const propagation = mountPropagation === 'None' ? {} : { propagation: mountPropagation as MountPropagation };
  return { ...(await sourceOf(mount, input)), containerPath, readOnly, ...propagation };
}

/** Volumes, /etc/hosts and the termination log; a path that the spec mounts itself is left to it. */
export async function containerMounts(input: MountsInput): Promise<Mount[]> {
  const { pod, container, attempt, dirs } = input;
  const uid = pod.metadata.uid ?? '';
  const mounts = await Promise.all((container.volumeMounts ?? []).map((mount) => volumeMount(mount, input)));
  const own: Mount[] = [
    { hostPath: dirs.hosts(uid), containerPath: '/etc/hosts', readOnly: false },
    {
      hostPath: dirs.terminationLog(uid, container.name, attempt),
      containerPath: container.terminationMessagePath ?? defaultTerminationPath,
      readOnly: false,
    },
  ];
  const taken = new Set(mounts.map(({ containerPath }) => containerPath));
  return [...mounts, ...own.filter(({ containerPath }) => !taken.has(containerPath))];
}
