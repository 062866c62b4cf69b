/** The container statuses of a pod's API status, from what the runtime holds. Pure. */
import type {
  Container,
  ContainerState,
  ContainerStateTerminated,
  ContainerStatus as ApiContainerStatus,
  Pod,
} from '../../api/types.gen.ts';
import type { ContainerStatus } from '../../runtime/contract.ts';
import { isSidecar, shouldRestart } from '../pods/restart-policy.ts';
import { containerIdPrefix, containerNamed, type PodView } from '../pods/view.ts';

/** Why a container that is not running is not. */
export interface WaitingReason {
  readonly reason: string;
  readonly message?: string;
}

export interface ContainerFacts {
  readonly pod: Pod;
  /** With lost containers filled in. */
  readonly view: PodView;
  /** Containers held back, by name: CrashLoopBackOff, ErrImagePull … */
  readonly waiting: ReadonlyMap<string, WaitingReason>;
  /** What probes say of a running container. */
  readonly probes: {
    isReady(containerId: string, container: Container): boolean;
    isStarted(containerId: string, container: Container): boolean;
  };
  /** The text that a container left at its terminationMessagePath. */
  readonly terminationMessage: (container: ContainerStatus) => string | undefined;
}

/** RFC 3339 with seconds, as the API has times. */
function seconds(time: string | undefined): string | undefined {
  const at = Date.parse(time ?? '');
  return Number.isNaN(at) ? undefined : `${new Date(at).toISOString().slice(0, 19)}Z`;
}

function idOf(container: ContainerStatus): string | undefined {
  return container.id === '' ? undefined : containerIdPrefix + container.id;
}

function terminatedState(container: ContainerStatus, facts: ContainerFacts): ContainerStateTerminated {
  const exitCode = container.exitCode ?? 137;
  const message = facts.terminationMessage(container) ?? container.message;
  const startedAt = seconds(container.startedAt);
  const finishedAt = seconds(container.finishedAt);
  const containerID = idOf(container);
  return {
    ...(containerID === undefined ? {} : { containerID }),
    exitCode,
    ...(finishedAt === undefined ? {} : { finishedAt }),
    ...(message === undefined || message === '' ? {} : { message }),
    reason: container.reason ?? (exitCode === 0 ? 'Completed' : 'Error'),
    ...(startedAt === undefined ? {} : { startedAt }),
  };
}

function stateOf(container: ContainerStatus, facts: ContainerFacts): ContainerState {
  if (container.state === 'running') {
    const startedAt = seconds(container.startedAt);
    return { running: startedAt === undefined ? {} : { startedAt } };
  }
  if (container.state === 'exited') return { terminated: terminatedState(container, facts) };
  return { waiting: {} };
}

function waitingState({ reason, message }: WaitingReason): ContainerState {
  return { waiting: { ...(message === undefined ? {} : { message }), reason } };
}

function volumeMountsOf(container: Container): Pick<ApiContainerStatus, 'volumeMounts'> {
  const volumeMounts = (container.volumeMounts ?? []).map(({ mountPath, name, readOnly }) => ({
    mountPath,
    name,
    ...(readOnly === true ? { readOnly, recursiveReadOnly: 'Disabled' } : {}),
  }));
  return volumeMounts.length === 0 ? {} : { volumeMounts };
}

function neverRan(container: Container, facts: ContainerFacts, isInit: boolean): ApiContainerStatus {
  const hasInit = (facts.pod.spec?.initContainers ?? []).length > 0;
  const usual = { reason: hasInit ? 'PodInitializing' : 'ContainerCreating' };
  return {
    name: container.name,
    image: container.image ?? '',
    imageID: '',
    ready: false,
    restartCount: 0,
    started: false,
    ...volumeMountsOf(container),
    state: waitingState(facts.waiting.get(container.name) ?? usual),
    ...(isInit ? {} : { lastState: {} }),
  };
}

/** A finished init container counts as ready; anything else must run and pass its probe. */
function readiness(container: Container, last: ContainerStatus, facts: ContainerFacts, isInit: boolean): boolean {
  if (isInit && !isSidecar(container)) return last.state === 'exited' && last.exitCode === 0;
  return last.state === 'running' && facts.probes.isReady(last.id, container);
}

/** Only what will be started waits: a container that ended for good shows its end, also when it could not be started. */
function mayStart(container: Container, last: ContainerStatus, pod: Pod): boolean {
  if (last.state === 'exited') return shouldRestart(pod, container, last.exitCode ?? 137);
  return last.state !== 'running';
}

function statusOf(container: Container, facts: ContainerFacts, isInit: boolean): ApiContainerStatus {
  const last = containerNamed(facts.view, container.name);
  if (last === undefined) return neverRan(container, facts, isInit);
  const held = mayStart(container, last, facts.pod) ? facts.waiting.get(container.name) : undefined;
  const previous = held === undefined ? containerNamed(facts.view, container.name, 1) : last;
  const containerID = idOf(last);
  return {
    ...(containerID === undefined ? {} : { containerID }),
    image: last.image === '' ? (container.image ?? '') : last.image,
    imageID: last.imageId,
    lastState: previous?.state === 'exited' ? { terminated: terminatedState(previous, facts) } : {},
    name: container.name,
    ready: readiness(container, last, facts, isInit),
    restartCount: last.attempt,
    started: last.state === 'running' && facts.probes.isStarted(last.id, container),
    state: held === undefined ? stateOf(last, facts) : waitingState(held),
    ...volumeMountsOf(container),
  };
}

/** The three lists, in the order of the spec. */
export function containerStatuses(facts: ContainerFacts): Record<'init' | 'app' | 'ephemeral', ApiContainerStatus[]> {
  const spec = facts.pod.spec;
  return {
    init: (spec?.initContainers ?? []).map((container) => statusOf(container, facts, true)),
    app: (spec?.containers ?? []).map((container) => statusOf(container, facts, false)),
    ephemeral: (spec?.ephemeralContainers ?? []).map((container) => statusOf(container, facts, false)),
  };
}
