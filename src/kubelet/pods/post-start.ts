/** The hook of a container that has just begun: it runs in the background, so that the pod's worker is free to end the pod. */
import { containerSpec, runPostStart } from '../containers/hooks.ts';
import { graceMs } from './plan-termination.ts';
import type { PodDeps, PodWork } from './pod-work.ts';
import { stopInBackground } from './stop-containers.ts';

async function run(work: PodWork, deps: PodDeps, id: string, podIP: string, name: string): Promise<void> {
  const { pod } = work;
  const spec = containerSpec(pod, name);
  if (spec === undefined) return;
  const mayGoOn = await runPostStart(deps, pod, { id, spec, podIP });
  const container = mayGoOn ? undefined : await deps.runtime.containerStatus(id);
  if (container?.state !== 'running' || work.stopping.has(id)) return;
  stopInBackground(work, deps, { container, podIP, graceSeconds: graceMs(pod) / 1000, why: 'FailedPostStartHook' });
}

/**
 * Returns at once. Until the hook is over the container is neither started nor ready, nor is it probed; when it fails the container is
 * stopped. An agent that starts meanwhile takes the container as begun and does not run the hook again, as upstream.
 */
export function postStartInBackground(
  work: PodWork,
  deps: PodDeps,
  { id, name, podIP }: { readonly id: string; readonly name: string; readonly podIP: string },
): void {
  if (containerSpec(work.pod, name)?.lifecycle?.postStart === undefined) return;
  deps.prober.hold(id);
  run(work, deps, id, podIP, name)
    .catch((error: unknown) => {
      deps.logger.error('a postStart hook could not be run', { pod: work.pod.metadata.name, container: name, error });
    })
    .finally(() => {
      deps.prober.release(id);
      deps.wake(work.uid);
    });
}
