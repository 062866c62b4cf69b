/** Carries out the end of a pod: containers, sandbox, last status, files, and its object in the API. */
import { rm } from 'node:fs/promises';
import type { EndReason, PodDeps, PodEnding, PodWork } from './pod-work.ts';
import { longestLeaveMs } from './leave-services.ts';
import { graceMs, planTermination } from './plan-termination.ts';
import { look, podAddress, publish } from './publish.ts';
import { stopInBackground } from './stop-containers.ts';
import { isAlive, type PodView } from './view.ts';

/** A pod nobody waits for any more still gets this much to say goodbye. */
const goneGraceMs = 1_000;

/** Begins the end of a pod, or makes a running end shorter or more final. */
export function beginEnd(work: PodWork, reason: EndReason, verdict?: PodEnding['verdict']): PodEnding {
  const grace = reason === 'gone' ? Math.min(goneGraceMs, graceMs(work.pod)) : graceMs(work.pod);
  const deadlineMs = Date.now() + Math.max(reason === 'gone' ? goneGraceMs : 0, grace);
  const rank: readonly EndReason[] = ['finished', 'deleted', 'gone'];
  const { ending } = work;
  if (ending === undefined) {
    work.ending = { reason, deadlineMs, verdict, leaving: undefined, sandboxesStopped: false, done: false };
    return work.ending;
  }
  if (rank.indexOf(reason) > rank.indexOf(ending.reason)) {
    ending.reason = reason;
    ending.done = false;
  }
  ending.deadlineMs = Math.min(ending.deadlineMs, deadlineMs);
  return ending;
}

/**
 * Whether new connections may still come, so that nothing is told to stop yet. A deletion with a grace only: who deletes by
 * force, or again with a shorter grace, is in a hurry. At least half of the grace is left to the containers.
 */
function isLeaving(work: PodWork, deps: PodDeps, ending: PodEnding): boolean {
  const grace = graceMs(work.pod);
  if (ending.reason !== 'deleted' || grace === 0 || ending.leaving === 'over') return false;
  if (ending.leaving !== undefined) return ending.deadlineMs >= ending.leaving.deadlineMs;
  const limitMs = Math.min(longestLeaveMs, ending.deadlineMs - Date.now() - grace / 2);
  // Endpoints name what the API has: of a static pod that is the mirror.
  const known = work.isStatic ? (deps.mirrors?.find(work.pod) ?? work.pod) : work.pod;
  const left = limitMs > 0 ? deps.serviceExit.leave(known, limitMs) : undefined;
  ending.leaving = left === undefined ? 'over' : { deadlineMs: ending.deadlineMs };
  void left?.then(() => {
    ending.leaving = 'over';
    deps.wake(work.uid);
  });
  return left !== undefined;
}

async function removeEverything(work: PodWork, deps: PodDeps, view: PodView): Promise<void> {
  for (const { id } of view.sandboxes) await deps.runtime.removePodSandbox(id);
  await Promise.all([deps.volumes.remove(work.uid), rm(deps.dirs.logs(work.pod), { recursive: true, force: true })]);
  deps.prober.drop(work.uid);
  deps.images.forget(work.uid);
}

async function stopSandboxes(deps: PodDeps, ending: PodEnding, view: PodView): Promise<void> {
  if (ending.sandboxesStopped) return;
  await Promise.all(view.sandboxes.map(({ id }) => deps.runtime.stopPodSandbox(id)));
  ending.sandboxesStopped = true;
}

/** One step further. Resolves with whether the pod is gone from this node, so that its record can go too. */
export async function endPod(work: PodWork, deps: PodDeps, ending: PodEnding): Promise<boolean> {
  const view = await look(work, deps);
  const { pod, stopping } = work;
  const leaving = view.containers.some(isAlive) && isLeaving(work, deps, ending);
  const step = planTermination({ pod, view, deadlineMs: ending.deadlineMs, nowMs: Date.now(), stopping, leaving });
  const podIP = podAddress(deps, pod, view);
  for (const { container, graceSeconds } of step.stop) {
    stopInBackground(work, deps, { container, podIP, graceSeconds, why: `Stopping container ${container.name}` });
  }
  publish(work, deps, view);
  if (!step.done) return false;

  await stopSandboxes(deps, ending, view);
  if (ending.reason === 'finished') {
    publish(work, deps, await look(work, deps));
    ending.done = true;
    return false;
  }
  if (ending.reason === 'deleted') {
    // What it ended with must be in the API before the records of it are gone from here.
    await deps.statuses.settled(work.uid);
    publish(work, deps, await look(work, deps));
    await Promise.all([removeEverything(work, deps, view), deps.statuses.settled(work.uid)]);
    if (!work.isStatic) await deps.deleteFromApi(pod);
  } else {
    await removeEverything(work, deps, view);
  }
  deps.statuses.forget(work.uid);
  return true;
}
