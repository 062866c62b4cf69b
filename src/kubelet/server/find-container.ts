/** Finds the container that a request names. */
import type { Pod } from '../../api/types.gen.ts';
import type { ContainerStatus, RuntimeService } from '../../runtime/contract.ts';
import { containerNamed, viewOf } from '../pods/view.ts';
import { HttpError } from './errors.ts';

export interface ContainerPath {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
}

export interface ContainerFinder {
  /** Throws 404 when the pod is not of this node, 400 when it has no such container or that never ran. `back` 1: the one before. */
  find(path: ContainerPath, back?: 0 | 1): Promise<{ readonly pod: Pod; readonly container: ContainerStatus }>;
}

function names(pod: Pod): string[] {
  const { initContainers = [], containers = [], ephemeralContainers = [] } = pod.spec ?? {};
  return [...initContainers, ...containers, ...ephemeralContainers].map(({ name }) => name);
}

function notStarted(pod: Pod, path: ContainerPath): HttpError {
  const { initContainerStatuses = [], containerStatuses = [] } = pod.status ?? {};
  const status = [...initContainerStatuses, ...containerStatuses].find(({ name }) => name === path.container);
  const reason = status?.state?.waiting?.reason ?? 'ContainerCreating';
  return new HttpError(400, `container "${path.container}" in pod "${path.pod}" is waiting to start: ${reason}`);
}

/** Looks pods up in `pods`, containers in the runtime. */
export function createContainerFinder(pods: () => readonly Pod[], runtime: RuntimeService): ContainerFinder {
  return {
    async find(path, back = 0) {
      const pod = pods().find(({ metadata }) => metadata.namespace === path.namespace && metadata.name === path.pod);
      if (pod === undefined)
        throw new HttpError(404, `pod "${path.pod}" not found in namespace "${path.namespace}" on this node`);
      if (!names(pod).includes(path.container))
        throw new HttpError(400, `container "${path.container}" is not valid for pod "${path.pod}"`);
      const view = viewOf(pod.metadata.uid ?? '', await runtime.listPodSandboxes(), await runtime.listContainers());
      const container = containerNamed(view, path.container, back);
      if (container !== undefined) return { pod, container };
      if (back === 0) throw notStarted(pod, path);
      throw new HttpError(400, `previous terminated container "${path.container}" in pod "${path.pod}" not found`);
    },
  };
}
