/** Carries out the plan of a pod that is meant to run, until there is nothing more to do at once. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import type { Pod } from '../../api/types.gen.ts';
import type { PodSandboxStatus } from '../../runtime/contract.ts';
import { ContainerError } from '../containers/config-error.ts';
import { containerSpec } from '../containers/hooks.ts';
import { startContainer, type StartPlace } from '../containers/start-container.ts';
import { removeLog } from '../logs/log-files.ts';
import { hostNetworkHosts, podHosts } from '../files/hosts.ts';
import type { WaitingReason } from '../status/container-statuses.ts';
import { formatDelay, raise } from './back-off.ts';
import { readBackOff, writeBackOff } from './back-off-file.ts';
import { planPod, type ContainerToStart, type PodActions } from './plan-pod.ts';
import { graceMs } from './plan-termination.ts';
import { podText } from './pod-events.ts';
import { postStartInBackground } from './post-start.ts';
import { nextFailure, type PodDeps, type PodWork } from './pod-work.ts';
import { currentPod, look, podAddress, publish } from './publish.ts';
import { runtimeHandlerOf } from './runtime-handler.ts';
import { podFqdn, podHostname, sandboxConfig } from './sandbox-config.ts';
import { stopInBackground } from './stop-containers.ts';
import { containerNamed, type PodView } from './view.ts';

/** What a run of the worker comes to: call again after so many ms, nothing, or the pod has run out. */
export type SyncOutcome = { readonly wakeInMs: number } | 'idle' | 'finished';

/** A sandbox that fails is tried again after 500 ms, doubling to 30 s. */
const sandboxRetry = { firstMs: 500, maxMs: 30_000 };
const containerRetry = { firstMs: 1_000, maxMs: 10_000 };
/** Steps of one run; a plan that never settles waits for the next event. */
const maxRounds = 8;

function waitingReasons(work: PodWork, actions: PodActions): ReadonlyMap<string, WaitingReason> {
  const reasons = new Map<string, WaitingReason>(work.failures);
  for (const { name, delayMs } of actions.waiting) {
    const message = `back-off ${formatDelay(delayMs)} restarting failed container=${name} pod=${podText(work.pod)}`;
    reasons.set(name, { reason: 'CrashLoopBackOff', message });
  }
  return reasons;
}

async function writeHosts(deps: PodDeps, pod: Pod, ips: readonly string[]): Promise<void> {
  const uid = pod.metadata.uid ?? '';
  const aliases = pod.spec?.hostAliases ?? [];
  const hostname = podHostname(pod, deps.nodeName);
  const text =
    pod.spec?.hostNetwork === true
      ? hostNetworkHosts(await readFile('/etc/hosts', 'utf8').catch(() => '127.0.0.1\tlocalhost\n'), aliases)
      : podHosts({ ips, hostname, fqdn: podFqdn(pod, hostname, deps.dns.domain), aliases });
  await mkdir(deps.dirs.pod(uid), { recursive: true, mode: 0o755 });
  await writeFile(deps.dirs.hosts(uid), text, { mode: 0o644 });
}

async function createSandbox(work: PodWork, deps: PodDeps, attempt: number): Promise<PodSandboxStatus> {
  const nodeResolvConf = await readFile('/etc/resolv.conf', 'utf8').catch(() => '');
  const { pod, isStatic } = work;
  const config = sandboxConfig({ pod, attempt, isStatic, nodeName: deps.nodeName, dns: deps.dns, nodeResolvConf });
  const runtimeHandler = await runtimeHandlerOf(deps.starter.client, pod);
  return deps.runtime.runPodSandbox({ ...config, ...(runtimeHandler !== undefined && { runtimeHandler }) });
}

function reasonText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Told as an Event, and tried again. */
function sandboxFailed(work: PodWork, deps: PodDeps, reason: string, message: string): void {
  deps.events.warning(work.pod, reason, message);
  work.sandboxFailure = nextFailure(work.sandboxFailure, { reason, message }, { ...sandboxRetry, nowMs: Date.now() });
}

/** Resolves with why they cannot be had. */
async function prepareVolumes(work: PodWork, deps: PodDeps): Promise<string | undefined> {
  try {
    work.volumes ??= await deps.volumes.prepare(work.pod);
    return undefined;
  } catch (error) {
    return reasonText(error);
  }
}

async function replaceSandbox(
  work: PodWork,
  deps: PodDeps,
  { attempt, stopFirst }: PodActions['sandbox'] & { kind: 'create' },
): Promise<PodSandboxStatus | undefined> {
  try {
    for (const id of stopFirst) await deps.runtime.stopPodSandbox(id);
    if (stopFirst.length > 0)
      deps.events.normal(work.pod, 'SandboxChanged', 'Pod sandbox changed, it will be killed and re-created.');
    const begin = performance.now();
    const made = await createSandbox(work, deps, attempt);
    const { namespace, name } = work.pod.metadata;
    deps.logger.info('a sandbox runs', {
      pod: `${namespace}/${name}`,
      attempt,
      ips: made.ips,
      ms: Math.round(performance.now() - begin),
    });
    return made;
  } catch (error) {
    sandboxFailed(work, deps, 'FailedCreatePodSandBox', `Failed to create pod sandbox: ${reasonText(error)}`);
    return undefined;
  }
}

async function startOne(work: PodWork, deps: PodDeps, place: StartPlace, wanted: ContainerToStart): Promise<void> {
  const { name } = wanted;
  try {
    const id = await startContainer(deps.starter, place, wanted);
    work.failures.delete(name);
    postStartInBackground(work, deps, { id, name, podIP: place.podIPs[0] ?? '' });
  } catch (error) {
    const known = error instanceof ContainerError;
    if (!known)
      deps.logger.error('a container could not be started', { pod: work.pod.metadata.name, container: name, error });
    const why = { reason: known ? error.reason : 'CreateContainerError', message: reasonText(error) };
    work.failures.set(name, nextFailure(work.failures.get(name), why, { ...containerRetry, nowMs: Date.now() }));
  }
}

/** Written before it is acted on. */
async function raiseBackOff(work: PodWork, deps: PodDeps, start: readonly ContainerToStart[]): Promise<void> {
  const again = start.filter(({ endedAtMs }) => endedAtMs !== undefined);
  if (again.length === 0 || work.backOff === undefined) return;
  for (const { name, endedAtMs = 0 } of again) {
    work.backOff.set(name, raise(work.backOff.get(name), endedAtMs, Date.now()));
  }
  await writeBackOff(deps.dirs.backOff(work.uid), work.backOff);
}

async function startAll(
  work: PodWork,
  deps: PodDeps,
  sandbox: PodSandboxStatus,
  start: readonly ContainerToStart[],
): Promise<void> {
  const { pod } = work;
  const podIPs = pod.spec?.hostNetwork === true ? deps.nodeIPs : sandbox.ips;
  await Promise.all([writeHosts(deps, pod, podIPs), raiseBackOff(work, deps, start)]);
  const hostname = podHostname(pod, deps.nodeName);
  const place = { pod, sandboxId: sandbox.id, podIPs, hostname, volumes: work.volumes ?? new Map<string, string>() };
  await Promise.all(start.map((wanted) => startOne(work, deps, place, wanted)));
}

function kill(work: PodWork, deps: PodDeps, view: PodView, actions: PodActions): void {
  for (const { id, name, why, probe } of actions.kill) {
    const container = containerNamed(view, name);
    if (container?.id !== id || work.stopping.has(id)) continue;
    const spec = containerSpec(work.pod, name);
    const own = probe === 'liveness' ? spec?.livenessProbe : probe === 'startup' ? spec?.startupProbe : undefined;
    const graceSeconds = own?.terminationGracePeriodSeconds ?? graceMs(work.pod) / 1000;
    stopInBackground(work, deps, { container, podIP: podAddress(deps, work.pod, view), graceSeconds, why });
  }
}

/** No sandbox without a network for it, and none while the last failure is fresh. */
function mustWait(work: PodWork, deps: PodDeps, sandbox: PodActions['sandbox'], nowMs: number): boolean {
  if ((work.sandboxFailure?.retryAtMs ?? 0) > nowMs) return true;
  return sandbox.kind === 'create' && !deps.network.ready && work.pod.spec?.hostNetwork !== true;
}

/**
 * The sandbox, with its volumes beside it. Both are made at once, unless the volumes need what somebody must provide first:
 * a pod that waits for that holds no address. Resolves with undefined when one of them failed.
 */
async function preparePlace(
  work: PodWork,
  deps: PodDeps,
  view: PodView,
  sandbox: PodActions['sandbox'] & { kind: 'create' | 'keep' },
): Promise<PodSandboxStatus | undefined> {
  const preparing = prepareVolumes(work, deps);
  const isSure = !deps.volumes.mayFail(work.pod) || (await preparing) === undefined;
  const place = !isSure
    ? undefined
    : sandbox.kind === 'create'
      ? await replaceSandbox(work, deps, sandbox)
      : view.sandboxes.find(({ id }) => id === sandbox.id);
  const why = await preparing;
  // A sandbox that failed has told so itself.
  if (why !== undefined && (place !== undefined || !isSure)) sandboxFailed(work, deps, 'FailedMount', why);
  return why === undefined ? place : undefined;
}

/** Carries out one plan. Resolves with whether anything was changed, so that another look is worth it. */
async function carryOut(work: PodWork, deps: PodDeps, view: PodView, actions: PodActions): Promise<boolean> {
  const nowMs = Date.now();
  const { sandbox } = actions;
  kill(work, deps, view, actions);
  if (sandbox.kind === 'finished') return false;
  if (sandbox.kind === 'stop') {
    for (const id of sandbox.ids) await deps.runtime.stopPodSandbox(id);
    return true;
  }
  if (mustWait(work, deps, sandbox, nowMs)) return false;
  const due = actions.start.filter(({ name }) => (work.failures.get(name)?.retryAtMs ?? 0) <= nowMs);
  if (sandbox.kind === 'keep' && due.length === 0) return false;
  const place = await preparePlace(work, deps, view, sandbox);
  if (place === undefined) return false;
  work.sandboxFailure = undefined;
  await startAll(work, deps, place, due);
  return true;
}

function wakeIn(work: PodWork, actions: PodActions): SyncOutcome {
  const times = [
    ...actions.waiting.map(({ untilMs }) => untilMs),
    ...[...work.failures.values()].map(({ retryAtMs }) => retryAtMs),
    ...(work.sandboxFailure === undefined ? [] : [work.sandboxFailure.retryAtMs]),
  ];
  return times.length === 0 ? 'idle' : { wakeInMs: Math.max(1, Math.min(...times) - Date.now()) };
}

/** Superseded containers and sandboxes: of each container the newest two are kept, for `lastState` and `logs --previous`. */
async function removeOld(deps: PodDeps, view: PodView): Promise<void> {
  const kept = new Set(
    view.containers.filter(({ name, id }) =>
      [containerNamed(view, name), containerNamed(view, name, 1)].some((c) => c?.id === id),
    ),
  );
  const old = view.containers.filter(
    (container) => container.sandboxId !== '' && !kept.has(container) && container.state === 'exited',
  );
  for (const { id, logPath } of old) {
    await deps.runtime.removeContainer(id);
    await removeLog(logPath);
  }
  const used = new Set([...kept].map(({ sandboxId }) => sandboxId));
  for (const { id } of view.sandboxes.slice(1)) {
    if (!used.has(id)) await deps.runtime.removePodSandbox(id);
  }
}

/** Once for each wait. */
function tellBackOff(work: PodWork, deps: PodDeps, actions: PodActions): void {
  for (const { name, untilMs } of actions.waiting) {
    if (work.waitsTold.get(name) === untilMs) continue;
    work.waitsTold.set(name, untilMs);
    deps.events.warning(
      work.pod,
      'BackOff',
      `Back-off restarting failed container ${name} in pod ${podText(work.pod)}`,
    );
  }
}

/** One run: look, plan, tell, act, and again while acting changed something. */
export async function syncPod(work: PodWork, deps: PodDeps): Promise<SyncOutcome> {
  work.backOff ??= await readBackOff(deps.dirs.backOff(work.uid));
  for (let round = 0; ; round += 1) {
    const view = await look(work, deps);
    deps.prober.follow(work.pod, view);
    const { prober } = deps;
    const actions = planPod({
      pod: currentPod(work, deps),
      view,
      nowMs: Date.now(),
      backOff: work.backOff,
      failedProbe: (id) => prober.failed(id),
      isStarted: (id, container) => prober.isStarted(id, container),
    });
    publish(work, deps, view, waitingReasons(work, actions));
    tellBackOff(work, deps, actions);
    if (actions.sandbox.kind === 'finished') return 'finished';
    const changed = await carryOut(work, deps, view, actions);
    if (!changed || round >= maxRounds) {
      await removeOld(deps, view);
      return wakeIn(work, actions);
    }
  }
}
