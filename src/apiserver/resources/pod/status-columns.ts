/**
 * READY, STATUS and RESTARTS of a pod: one word that says what the pod is doing, made of its phase, its containers' states
 * and its deletion. The rules are those of upstream's printer, so that `kubectl get pods` reads the same.
 *
 *   init containers, in order ──► first that is not done says `Init:…` ─┐
 *   containers, last to first ──► first container's waiting or exit reason wins ─┤──► deletion overrides ──► word
 */
import type { Container, ContainerStatus, Pod } from '../../../api/types.gen.ts';
import { isConditionTrue } from '../../../api/conditions.ts';
import { since } from '../human-duration.ts';

/** What the three columns show. */
export interface PodSummary {
  readonly ready: string;
  readonly status: string;
  readonly restarts: string;
}

interface Tally {
  restarts: number;
  lastRestart: string;
  ready: number;
}

interface InitResult extends Tally {
  /** Restarts of init containers that run for as long as the pod does; these count together with the others. */
  readonly sidecars: { restarts: number; lastRestart: string };
  /** Set while initialisation is not over. */
  readonly reason: string | undefined;
}

const isSidecar = (container: Container | undefined): boolean => container?.restartPolicy === 'Always';

const later = (a: string, b: string | undefined): string => (b !== undefined && b > a ? b : a);

function count(into: { restarts: number; lastRestart: string }, status: ContainerStatus): void {
  into.restarts += status.restartCount;
  into.lastRestart = later(into.lastRestart, status.lastState?.terminated?.finishedAt);
}

function exitReason(status: ContainerStatus): string | undefined {
  const terminated = status.state?.terminated;
  if (terminated === undefined) return undefined;
  if (terminated.reason) return terminated.reason;
  return terminated.signal ? `Signal:${terminated.signal}` : `ExitCode:${terminated.exitCode}`;
}

/** What one init container says of the pod; undefined when it lets the next one start. */
function initReason(status: ContainerStatus, sidecar: boolean, index: number, total: number): string | undefined {
  if (status.state?.terminated?.exitCode === 0) return undefined;
  if (sidecar && status.started === true) return undefined;
  const exited = exitReason(status);
  if (exited !== undefined) return `Init:${exited}`;
  const waiting = status.state?.waiting?.reason;
  return waiting && waiting !== 'PodInitializing' ? `Init:${waiting}` : `Init:${index}/${total}`;
}

function initContainers(pod: Pod): InitResult {
  const specs = pod.spec?.initContainers ?? [];
  const byName = new Map(specs.map((container) => [container.name, container]));
  const tally = { restarts: 0, lastRestart: '', ready: 0 };
  const sidecars = { restarts: 0, lastRestart: '' };
  for (const [index, status] of (pod.status?.initContainerStatuses ?? []).entries()) {
    const sidecar = isSidecar(byName.get(status.name));
    count(tally, status);
    if (sidecar) count(sidecars, status);
    const reason = initReason(status, sidecar, index, specs.length);
    if (reason !== undefined) return { ...tally, sidecars, reason };
    if (sidecar && status.state?.terminated === undefined && status.ready) tally.ready += 1;
  }
  return { ...tally, sidecars, reason: undefined };
}

/** With all containers done but some still running, the pod is not `Completed`. */
function uncompleted(reason: string, pod: Pod, running: boolean, errorReason: string): string {
  if (reason !== 'Completed') return reason;
  if (running && isConditionTrue(pod.status?.conditions, 'Ready')) return 'Running';
  if (errorReason !== '') return errorReason;
  return running ? 'NotReady' : reason;
}

function mainContainers(pod: Pod, start: string, tally: Tally): string {
  let reason = start;
  let errorReason = '';
  let running = false;
  for (const status of (pod.status?.containerStatuses ?? []).toReversed()) {
    count(tally, status);
    const exited = exitReason(status);
    if (status.state?.waiting?.reason) reason = status.state.waiting.reason;
    else if (exited !== undefined) {
      reason = exited;
      if (status.state?.terminated?.exitCode !== 0) errorReason = exited;
    } else if (status.ready && status.state?.running !== undefined) {
      running = true;
      tally.ready += 1;
    }
  }
  return uncompleted(reason, pod, running, errorReason);
}

function deletionReason(pod: Pod): string | undefined {
  if (pod.metadata.deletionTimestamp === undefined) return undefined;
  if (pod.status?.reason === 'NodeLost') return 'Unknown';
  return ['Succeeded', 'Failed'].includes(pod.status?.phase ?? '') ? undefined : 'Terminating';
}

function startReason(pod: Pod): string {
  const gated = pod.status?.conditions?.some((c) => c.type === 'PodScheduled' && c.reason === 'SchedulingGated');
  return gated ? 'SchedulingGated' : pod.status?.reason || pod.status?.phase || '';
}

/** The three columns. */
export function podSummary(pod: Pod, now: Date): PodSummary {
  const init = initContainers(pod);
  const tally: Tally = { restarts: init.restarts, lastRestart: init.lastRestart, ready: init.ready };
  let status = init.reason ?? startReason(pod);
  if (init.reason === undefined || isConditionTrue(pod.status?.conditions, 'Initialized')) {
    Object.assign(tally, init.sidecars);
    status = mainContainers(pod, status, tally);
  }
  const total = (pod.spec?.containers.length ?? 0) + (pod.spec?.initContainers ?? []).filter(isSidecar).length;
  const restarted = tally.restarts !== 0 && tally.lastRestart !== '';
  return {
    ready: `${tally.ready}/${total}`,
    status: deletionReason(pod) ?? status,
    restarts: restarted ? `${tally.restarts} (${since(tally.lastRestart, now)} ago)` : String(tally.restarts),
  };
}
