/** Looks at what the runtime holds of a pod, and tells the API. */
import { readFile } from 'node:fs/promises';
import type { Container, Pod, PodStatus } from '../../api/types.gen.ts';
import type { ContainerStatus } from '../../runtime/contract.ts';
import { lastLines } from '../logs/log-stream.ts';
import { podStatus } from '../status/pod-status.ts';
import type { WaitingReason } from '../status/container-statuses.ts';
import type { PodDeps, PodWork } from './pod-work.ts';
import { viewOf, withLostContainers, type PodView } from './view.ts';

/** The API takes no longer message. */
const maxLastWords = 4096;

/** The pod as it is known best: newest spec, newest status. */
export function currentPod(work: PodWork, deps: PodDeps): Pod {
  return work.isStatic ? staticPod(work, deps) : deps.statuses.newest(work.pod);
}

/** An agent that starts goes on with what its mirror tells, unless that is over: whether the pod is, the runtime knows. */
function staticPod(work: PodWork, deps: PodDeps): Pod {
  const told = work.status ?? deps.mirrors?.find(work.pod)?.status;
  const isOver = work.status === undefined && (told?.phase === 'Failed' || told?.phase === 'Succeeded');
  return told === undefined || isOver ? work.pod : { ...work.pod, status: told };
}

/** A fresh look. */
export async function look(work: PodWork, deps: PodDeps): Promise<PodView> {
  const [sandboxes, containers] = await Promise.all([deps.runtime.listPodSandboxes(), deps.runtime.listContainers()]);
  const view = withLostContainers(viewOf(work.uid, sandboxes, containers), currentPod(work, deps));
  await readLastWords(work, deps, view);
  return view;
}

/** Where a pod's containers are asked: its first address, or the node's. Empty when it has none any more. */
export function podAddress({ nodeIPs }: PodDeps, { spec }: Pod, { sandboxes }: PodView): string {
  return (spec?.hostNetwork === true ? nodeIPs[0] : sandboxes[0]?.ips[0]) ?? '';
}

function specOf(pod: Pod, name: string): Container | undefined {
  return [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])].find((each) => each.name === name);
}

/** As upstream: 80 lines at most, and 2 KiB. */
async function endOfLog(path: string): Promise<string> {
  return (await lastLines(path, 80)).trimEnd().slice(-2048);
}

async function lastWordsOf(container: ContainerStatus, work: PodWork, deps: PodDeps): Promise<string> {
  const path = deps.dirs.terminationLog(work.uid, container.name, container.attempt);
  const text = (await readFile(path, 'utf8').catch(() => '')).slice(0, maxLastWords);
  const policy = specOf(work.pod, container.name)?.terminationMessagePolicy;
  const failed = container.exitCode !== 0;
  return text === '' && failed && policy === 'FallbackToLogsOnError' ? endOfLog(container.logPath) : text;
}

async function readLastWords(work: PodWork, deps: PodDeps, view: PodView): Promise<void> {
  const ended = view.containers.filter(
    ({ id, state, sandboxId }) => state === 'exited' && sandboxId !== '' && !work.lastWords.has(id),
  );
  await Promise.all(
    ended.map(async (container) => work.lastWords.set(container.id, await lastWordsOf(container, work, deps))),
  );
}

/** Hands the pod's status to the status manager. */
export function publish(
  work: PodWork,
  deps: PodDeps,
  view: PodView,
  waiting: ReadonlyMap<string, WaitingReason> = work.failures,
): void {
  if (work.settledBefore || work.goneFromApi) return;
  const { prober, nodeIPs } = deps;
  const verdict = work.ending?.verdict;
  const pod = currentPod(work, deps);
  const status = podStatus({
    pod,
    view,
    waiting,
    probes: prober,
    terminationMessage: ({ id }) => work.lastWords.get(id),
    nodeIPs,
    now: new Date(),
    isTerminal: work.ending !== undefined,
    ...(verdict === undefined ? {} : { verdict }),
  });
  const urgency = isBeginning(status) ? 'soon' : 'now';
  if (!work.isStatic) return deps.statuses.set(work.pod, status, urgency);
  work.status = status;
  deps.mirrors?.tell(work.pod, status, urgency);
}

/** All there is to say is that containers are being made: in a moment they run, or there is a reason why not. */
function isBeginning({ phase, initContainerStatuses = [], containerStatuses = [], reason }: PodStatus): boolean {
  return (
    phase === 'Pending' &&
    reason === undefined &&
    [...initContainerStatuses, ...containerStatuses].every(
      ({ state }) => state?.waiting?.reason === 'ContainerCreating' || state?.waiting?.reason === 'PodInitializing',
    )
  );
}
