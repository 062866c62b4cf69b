/** A pod's phase, from its container statuses. Pure; meaning as in the API's PodPhase. */
import type { Container, ContainerStatus, Pod } from '../../api/types.gen.ts';
import { isSidecar, shouldRestart } from '../pods/restart-policy.ts';

export type Phase = 'Pending' | 'Running' | 'Succeeded' | 'Failed';

/** Where one container stands: `ended` also when it waits for its next start. */
type Stage = { readonly at: 'new' } | { readonly at: 'running' } | { readonly at: 'ended'; readonly exitCode: number };

function stageOf(status: ContainerStatus | undefined): Stage {
  const { running, terminated } = status?.state ?? {};
  if (running !== undefined) return { at: 'running' };
  const ended = terminated ?? status?.lastState?.terminated;
  return ended === undefined ? { at: 'new' } : { at: 'ended', exitCode: ended.exitCode };
}

function initPhase(pod: Pod, inits: readonly Container[], statuses: readonly ContainerStatus[]): Phase | undefined {
  const byName = new Map(statuses.map((status) => [status.name, status]));
  let pending = false;
  for (const container of inits) {
    const status = byName.get(container.name);
    const stage = stageOf(status);
    if (isSidecar(container)) {
      if (stage.at === 'new' || (stage.at === 'running' && status?.started !== true)) pending = true;
    } else if (stage.at !== 'ended') {
      pending = true;
    } else if (stage.exitCode !== 0) {
      if (!shouldRestart(pod, container, stage.exitCode)) return 'Failed';
      pending = true;
    }
  }
  return pending ? 'Pending' : undefined;
}

/**
 * `isTerminal`: nothing of the pod will be started again (it is being deleted, or was evicted), so that a container that
 * ended counts as ended for good.
 */
export function phaseOf(
  pod: Pod,
  statuses: { readonly init: readonly ContainerStatus[]; readonly app: readonly ContainerStatus[] },
  isTerminal: boolean,
): Phase {
  const containers = pod.spec?.containers ?? [];
  const stages = statuses.app.map(stageOf);
  // Once one of them ran, initialization is history.
  const initialized = stages.some((stage) => stage.at !== 'new');
  const early = initPhase(pod, pod.spec?.initContainers ?? [], statuses.init);
  if (early === 'Failed' || (early === 'Pending' && !initialized)) return early;
  if (stages.length === 0 || stages.some((stage) => stage.at === 'new')) return 'Pending';
  if (stages.some((stage) => stage.at === 'running')) return 'Running';

  const endings = stages.map((stage, index) => ({ exitCode: stage.at === 'ended' ? stage.exitCode : 0, index }));
  const again = endings.some(({ exitCode, index }) => {
    const container = containers[index];
    return container !== undefined && shouldRestart(pod, container, exitCode);
  });
  if (again && !isTerminal) return 'Running';
  return endings.every(({ exitCode }) => exitCode === 0) ? 'Succeeded' : 'Failed';
}
