/** What the runtime holds of one pod, and what the API remembers of containers that the runtime has lost. */
import type { ContainerStatus as ApiContainerStatus, Pod } from '../../api/types.gen.ts';
import type { ContainerStatus, PodSandboxStatus } from '../../runtime/contract.ts';

/** The scheme in front of a container's ID in the API. */
export const containerIdPrefix = 'podwire://';

/** One pod as the runtime has it. Both lists are newest first. */
export interface PodView {
  readonly sandboxes: readonly PodSandboxStatus[];
  readonly containers: readonly ContainerStatus[];
}

/** Picks one pod's part out of the runtime's lists. */
export function viewOf(
  uid: string,
  sandboxes: readonly PodSandboxStatus[],
  containers: readonly ContainerStatus[],
): PodView {
  const own = sandboxes.filter((sandbox) => sandbox.pod.uid === uid);
  const ids = new Set(own.map((sandbox) => sandbox.id));
  return {
    sandboxes: own.sort((a, b) => b.pod.attempt - a.pod.attempt || b.createdAt.localeCompare(a.createdAt)),
    containers: containers
      .filter((container) => ids.has(container.sandboxId))
      .sort((a, b) => b.attempt - a.attempt || b.createdAt.localeCompare(a.createdAt)),
  };
}

/** The newest container of this name, or the one before it with `back` 1. */
export function containerNamed(view: PodView, name: string, back = 0): ContainerStatus | undefined {
  return view.containers.filter((container) => container.name === name)[back];
}

/** Whether the container still holds a process that must be stopped. */
export function isAlive(container: ContainerStatus): boolean {
  return container.state === 'running' || container.state === 'unknown';
}

function lostContainer(known: ApiContainerStatus): ContainerStatus | undefined {
  const { running, terminated } = known.state ?? {};
  if (running === undefined && terminated === undefined) return undefined;
  const startedAt = terminated?.startedAt ?? running?.startedAt;
  return {
    id: (known.containerID ?? '').replace(containerIdPrefix, ''),
    sandboxId: '',
    name: known.name,
    attempt: known.restartCount,
    state: 'exited',
    createdAt: startedAt ?? '',
    startedAt,
    finishedAt: terminated?.finishedAt,
    exitCode: terminated?.exitCode ?? 137,
    reason: terminated === undefined ? 'ContainerStatusUnknown' : terminated.reason,
    message:
      terminated === undefined ? 'The container could not be located when the pod was terminated' : terminated.message,
    imageId: known.imageID,
    image: known.image,
    logPath: '',
    pid: undefined,
  };
}

/**
 * Adds the containers that ran according to the API but of which the runtime knows nothing any more (its records were
 * wiped): as exited ones, so that a pod that must not run twice does not.
 */
export function withLostContainers(view: PodView, pod: Pod): PodView {
  const known = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
  const lost = known
    .filter((status) => containerNamed(view, status.name) === undefined)
    .map(lostContainer)
    .filter((container) => container !== undefined);
  return lost.length === 0 ? view : { ...view, containers: [...view.containers, ...lost] };
}
