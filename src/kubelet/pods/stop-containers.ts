/** Stops containers in the background; their end wakes the pod's worker. */
import type { ContainerStatus } from '../../runtime/contract.ts';
import { runPreStop } from '../containers/hooks.ts';
import type { PodDeps, PodWork } from './pod-work.ts';

export interface StopRequest {
  readonly container: ContainerStatus;
  /** Where its preStop hook asks. */
  readonly podIP: string;
  readonly graceSeconds: number;
  /** For the Event. */
  readonly why: string;
}

async function stopOne(
  work: PodWork,
  deps: PodDeps,
  { container, podIP, graceSeconds }: StopRequest,
  again: boolean,
): Promise<void> {
  const begin = Date.now();
  if (!again) await runPreStop(deps, work.pod, { container, podIP }, graceSeconds);
  const left = Math.max(0, graceSeconds - Math.floor((Date.now() - begin) / 1000));
  await deps.runtime.stopContainer(container.id, left);
}

/** Returns at once. A container that is being stopped already is told only the shorter grace. */
export function stopInBackground(work: PodWork, deps: PodDeps, request: StopRequest): void {
  const { id, name } = request.container;
  const again = work.stopping.has(id);
  if (!again) deps.events.normal(work.pod, 'Killing', request.why);
  const killAt = Date.now() + request.graceSeconds * 1000;
  work.stopping.set(id, killAt);
  deps.prober.stop(id);
  stopOne(work, deps, request, again)
    .catch((error: unknown) => {
      deps.logger.error('a container could not be stopped', { pod: work.pod.metadata.name, container: name, error });
    })
    .finally(() => {
      // A later, shorter request has its own end.
      if (work.stopping.get(id) === killAt) work.stopping.delete(id);
      deps.wake(work.uid);
    });
}
