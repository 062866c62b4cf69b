/**
 * What a pod needs next: pure, from the pod and what the runtime holds of it. Carried out by sync-pod.ts, after which
 * the next plan starts from a fresh look; so a plan names only steps that may be taken at once, side by side.
 */
import type { Container, Pod } from '../../api/types.gen.ts';
import type { ContainerStatus } from '../../runtime/contract.ts';
import { waitUntil, type BackOffEntry } from './back-off.ts';
import { isSidecar, restartsAfterKill, shouldRestart } from './restart-policy.ts';
import { containerNamed, isAlive, type PodView } from './view.ts';

export type ContainerKind = 'init' | 'sidecar' | 'app' | 'ephemeral';

export interface ContainerToStart {
  readonly name: string;
  readonly kind: ContainerKind;
  /** How often it was started before. */
  readonly attempt: number;
  /** When the one before it ended (ms); raises the back-off. */
  readonly endedAtMs: number | undefined;
  readonly why: string;
}

export interface ContainerToKill {
  readonly id: string;
  readonly name: string;
  /** For the Event. */
  readonly why: string;
  /** Which probe failed: its own grace period may apply. */
  readonly probe: 'liveness' | 'startup' | undefined;
}

export interface ContainerWaiting {
  readonly name: string;
  readonly untilMs: number;
  readonly delayMs: number;
}

export interface PodActions {
  /** `stop`: only stop these, then look again. `finished`: nothing of this pod will ever run again. */
  readonly sandbox:
    | { readonly kind: 'keep'; readonly id: string }
    | { readonly kind: 'create'; readonly attempt: number; readonly stopFirst: readonly string[] }
    | { readonly kind: 'stop'; readonly ids: readonly string[] }
    | { readonly kind: 'finished' };
  readonly start: readonly ContainerToStart[];
  readonly kill: readonly ContainerToKill[];
  /** In back-off. */
  readonly waiting: readonly ContainerWaiting[];
}

export interface PlanInput {
  readonly pod: Pod;
  /** With lost containers filled in. */
  readonly view: PodView;
  readonly nowMs: number;
  readonly backOff: ReadonlyMap<string, BackOffEntry>;
  /** The probe that a running container has failed for good. */
  readonly failedProbe: (containerId: string) => 'liveness' | 'startup' | undefined;
  /** Whether a running container's startup probe (if it has one) has succeeded. */
  readonly isStarted: (containerId: string, container: Container) => boolean;
}

/** Collects the steps while the plan walks over the containers. */
class Steps {
  readonly start: ContainerToStart[] = [];
  readonly kill: ContainerToKill[] = [];
  readonly waiting: ContainerWaiting[] = [];
  readonly #input: PlanInput;

  constructor(input: PlanInput) {
    this.#input = input;
  }

  startOrWait(name: string, kind: ContainerKind, last: ContainerStatus | undefined): void {
    if (last === undefined) {
      this.start.push({ name, kind, attempt: 0, endedAtMs: undefined, why: 'never started' });
      return;
    }
    const ended = Date.parse(last.finishedAt ?? last.createdAt);
    const endedAtMs = Number.isNaN(ended) ? 0 : ended;
    const entry = this.#input.backOff.get(name);
    const untilMs = waitUntil(entry, endedAtMs, this.#input.nowMs);
    if (entry !== undefined && untilMs !== undefined) {
      this.waiting.push({ name, untilMs, delayMs: entry.delayMs });
      return;
    }
    const why = last.state === 'exited' ? `ended with exit code ${last.exitCode ?? -1}` : `is ${last.state}`;
    this.start.push({ name, kind, attempt: last.attempt + 1, endedAtMs, why });
  }

  /** Kills a running container whose probe failed. Returns whether it is to be kept. */
  keepUnlessProbeFailed(container: Container, running: ContainerStatus): boolean {
    const probe = this.#input.failedProbe(running.id);
    if (probe === undefined) return true;
    const again = restartsAfterKill(this.#input.pod, container) ? ', will be restarted' : '';
    const why = `Container ${container.name} failed ${probe} probe${again}`;
    this.kill.push({ id: running.id, name: container.name, why, probe });
    return false;
  }

  with(sandbox: PodActions['sandbox']): PodActions {
    return { sandbox, start: this.start, kill: this.kill, waiting: this.waiting };
  }
}

const finished: PodActions = { sandbox: { kind: 'finished' }, start: [], kill: [], waiting: [] };

function appContainers(pod: Pod): readonly Container[] {
  return pod.spec?.containers ?? [];
}

/** Containers that must run, or run again, if there were a sandbox for them. */
function runnableApps({ pod, view }: PlanInput): readonly Container[] {
  return appContainers(pod).filter((container) => {
    const last = containerNamed(view, container.name);
    return last?.state !== 'exited' || shouldRestart(pod, container, last.exitCode ?? 137);
  });
}

/** Of a pod that is never restarted: one of its containers has been there, so there is no second sandbox for it. */
function isSpent({ pod, view }: PlanInput): boolean {
  const ran = appContainers(pod).filter((container) => containerNamed(view, container.name) !== undefined);
  const restartable = ran.some((c) => shouldRestart(pod, c, containerNamed(view, c.name)?.exitCode ?? 137));
  return ran.length > 0 && !restartable && (pod.spec?.restartPolicy ?? 'Always') !== 'Always';
}

function planNewSandbox(input: PlanInput): PodActions {
  const { pod, view } = input;
  const ids = view.sandboxes.map((sandbox) => sandbox.id);
  if (view.containers.some((container) => container.sandboxId !== '' && isAlive(container))) {
    return new Steps(input).with({ kind: 'stop', ids });
  }
  const apps = runnableApps(input);
  if (apps.length === 0 || isSpent(input)) return finished;
  const steps = new Steps(input);
  const [firstInit] = pod.spec?.initContainers ?? [];
  if (firstInit === undefined) {
    for (const { name } of apps) steps.startOrWait(name, 'app', containerNamed(view, name));
  } else {
    const last = containerNamed(view, firstInit.name);
    const attempt = last === undefined ? 0 : last.attempt + 1;
    const kind = isSidecar(firstInit) ? 'sidecar' : 'init';
    steps.start.push({ name: firstInit.name, kind, attempt, endedAtMs: undefined, why: 'new sandbox' });
  }
  return steps.with({ kind: 'create', attempt: (view.sandboxes[0]?.pod.attempt ?? -1) + 1, stopFirst: ids });
}

/** How far a walk over the init containers came. */
type InitProgress = 'done' | 'pending' | 'failed';

function planSidecar(steps: Steps, input: PlanInput, container: Container, here: ContainerStatus | undefined): boolean {
  if (here?.state !== 'running') {
    steps.startOrWait(container.name, 'sidecar', here ?? containerNamed(input.view, container.name));
    return false;
  }
  return steps.keepUnlessProbeFailed(container, here) && input.isStarted(here.id, container);
}

function planPlainInit(
  steps: Steps,
  input: PlanInput,
  container: Container,
  here: ContainerStatus | undefined,
): InitProgress {
  if (here?.state === 'running') return 'pending';
  if (here?.state === 'exited') {
    if (here.exitCode === 0) return 'done';
    if (!shouldRestart(input.pod, container, here.exitCode ?? 137)) return 'failed';
  }
  if (here === undefined) {
    // Of an older sandbox: it runs anew, without back-off.
    const last = containerNamed(input.view, container.name);
    const attempt = last === undefined ? 0 : last.attempt + 1;
    steps.start.push({ name: container.name, kind: 'init', attempt, endedAtMs: undefined, why: 'its turn' });
  } else {
    steps.startOrWait(container.name, 'init', here);
  }
  return 'pending';
}

function planInit(steps: Steps, input: PlanInput, sandboxId: string): InitProgress {
  const { pod, view } = input;
  const inits = pod.spec?.initContainers ?? [];
  const inSandbox = (name: string): ContainerStatus | undefined =>
    view.containers.find((container) => container.name === name && container.sandboxId === sandboxId);
  const initialized = appContainers(pod).some(({ name }) => inSandbox(name) !== undefined);
  for (const [index, container] of inits.entries()) {
    const here = inSandbox(container.name);
    if (isSidecar(container)) {
      const up = planSidecar(steps, input, container, here);
      // One that fell over after its turn does not hold up those behind it.
      const passed = initialized || inits.slice(index + 1).some(({ name }) => inSandbox(name) !== undefined);
      if (!up && !passed) return 'pending';
    } else if (!initialized) {
      const progress = planPlainInit(steps, input, container, here);
      if (progress !== 'done') return progress;
    }
  }
  return 'done';
}

function planApps(steps: Steps, input: PlanInput): boolean {
  const { pod, view } = input;
  let anyLeft = false;
  for (const container of appContainers(pod)) {
    const last = containerNamed(view, container.name);
    if (last?.state === 'running') {
      steps.keepUnlessProbeFailed(container, last);
      anyLeft = true;
    } else if (last?.state === 'unknown') {
      const why = `Container is in "unknown" state, try killing it before restart`;
      steps.kill.push({ id: last.id, name: container.name, why, probe: undefined });
      anyLeft = true;
    } else if (last?.state !== 'exited' || shouldRestart(pod, container, last.exitCode ?? 137)) {
      steps.startOrWait(container.name, 'app', last);
      anyLeft = true;
    }
  }
  return anyLeft;
}

function planEphemeral(steps: Steps, { pod, view }: PlanInput): void {
  for (const { name } of pod.spec?.ephemeralContainers ?? []) {
    if (containerNamed(view, name) === undefined) steps.startOrWait(name, 'ephemeral', undefined);
  }
}

/** The next steps for a pod that is meant to run. */
export function planPod(input: PlanInput): PodActions {
  const { pod, view } = input;
  const [newest, ...older] = view.sandboxes;
  const olderReady = older.filter((sandbox) => sandbox.state === 'ready').map((sandbox) => sandbox.id);
  if (olderReady.length > 0) return new Steps(input).with({ kind: 'stop', ids: olderReady });
  const hasAddress = pod.spec?.hostNetwork === true || (newest?.ips.length ?? 0) > 0;
  if (newest?.state !== 'ready' || !hasAddress) return planNewSandbox(input);

  const steps = new Steps(input);
  planEphemeral(steps, input);
  const progress = planInit(steps, input, newest.id);
  if (progress === 'failed') return finished;
  if (progress === 'done' && !planApps(steps, input)) return finished;
  return steps.with({ kind: 'keep', id: newest.id });
}
