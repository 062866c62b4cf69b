/** A Deployment's conditions and the counts in its status. */
import { findCondition } from '../../api/conditions.ts';
import { formatTime } from '../../api/time.ts';
import type { Deployment, DeploymentCondition, DeploymentStatus, ReplicaSet } from '../../api/types.gen.ts';
import type { Fenceposts } from './rollout-math.ts';

/** Deployments with this deadline (the largest int32) have none. */
const noDeadline = 2147483647;

export function hasProgressDeadline(deployment: Deployment): boolean {
  const deadline = deployment.spec?.progressDeadlineSeconds;
  return deadline !== undefined && deadline !== noDeadline;
}

export function newCondition(
  type: string,
  status: string,
  reason: string,
  message: string,
  now: Date,
): DeploymentCondition {
  const time = formatTime(now);
  return { type, status, lastUpdateTime: time, lastTransitionTime: time, reason, message };
}

/** Puts the condition at the end unless one of the same status and reason stands; the transition time survives a change of reason. */
export function withCondition(
  conditions: readonly DeploymentCondition[],
  condition: DeploymentCondition,
): DeploymentCondition[] {
  const old = findCondition(conditions, condition.type);
  if (old?.status === condition.status && old.reason === condition.reason) return [...conditions];
  const next = { ...condition };
  if (old?.status === condition.status && old.lastTransitionTime !== undefined) {
    next.lastTransitionTime = old.lastTransitionTime;
  }
  return [...withoutCondition(conditions, condition.type), next];
}

export function withoutCondition(conditions: readonly DeploymentCondition[], type: string): DeploymentCondition[] {
  return conditions.filter((condition) => condition.type !== type);
}

function total(replicaSets: readonly ReplicaSet[], count: (replicaSet: ReplicaSet) => number | undefined): number {
  return replicaSets.reduce((sum, replicaSet) => sum + (count(replicaSet) ?? 0), 0);
}

/** The status that follows from the ReplicaSets' own, with the Available condition. `newest` is one of `all`. */
export function statusOf(
  deployment: Deployment,
  all: readonly ReplicaSet[],
  newest: ReplicaSet | undefined,
  posts: Fenceposts,
  now: Date,
): DeploymentStatus {
  const wished = deployment.spec?.replicas ?? 1;
  const available = total(all, (each) => each.status?.availableReplicas);
  const unavailable = Math.max(0, total(all, (each) => each.spec?.replicas) - available);
  const enough = available >= wished - posts.maxUnavailable;
  const condition = enough
    ? newCondition('Available', 'True', 'MinimumReplicasAvailable', 'Deployment has minimum availability.', now)
    : newCondition(
        'Available',
        'False',
        'MinimumReplicasUnavailable',
        'Deployment does not have minimum availability.',
        now,
      );
  const collisions = deployment.status?.collisionCount;
  return {
    observedGeneration: deployment.metadata.generation ?? 0,
    replicas: total(all, (each) => each.status?.replicas),
    updatedReplicas: newest?.status?.replicas ?? 0,
    readyReplicas: total(all, (each) => each.status?.readyReplicas),
    availableReplicas: available,
    unavailableReplicas: unavailable,
    terminatingReplicas: total(all, (each) => each.status?.terminatingReplicas),
    ...(collisions === undefined ? {} : { collisionCount: collisions }),
    conditions: withCondition(deployment.status?.conditions ?? [], condition),
  };
}

/** Whether the rollout has ended: everything is new, nothing old is left, all of it is available. */
export function isComplete(deployment: Deployment, status: DeploymentStatus): boolean {
  const wished = deployment.spec?.replicas ?? 1;
  return (
    (status.updatedReplicas ?? 0) === wished &&
    (status.replicas ?? 0) === wished &&
    (status.availableReplicas ?? 0) === wished &&
    (status.observedGeneration ?? 0) >= (deployment.metadata.generation ?? 0)
  );
}

function hasMoved(before: DeploymentStatus, after: DeploymentStatus): boolean {
  const old = (status: DeploymentStatus): number => (status.replicas ?? 0) - (status.updatedReplicas ?? 0);
  return (
    (after.updatedReplicas ?? 0) > (before.updatedReplicas ?? 0) ||
    old(after) < old(before) ||
    (after.readyReplicas ?? 0) > (before.readyReplicas ?? 0) ||
    (after.availableReplicas ?? 0) > (before.availableReplicas ?? 0)
  );
}

/** Milliseconds until the deadline passes without progress; undefined when no clock is running. */
export function untilDeadlineMs(deployment: Deployment, status: DeploymentStatus, now: Date): number | undefined {
  const progressing = findCondition(status.conditions, 'Progressing');
  if (!hasProgressDeadline(deployment) || progressing?.lastUpdateTime === undefined) return undefined;
  if (progressing.reason === 'NewReplicaSetAvailable' || progressing.reason === 'ProgressDeadlineExceeded') {
    return undefined;
  }
  const seconds = deployment.spec?.progressDeadlineSeconds ?? 0;
  return Date.parse(progressing.lastUpdateTime) + seconds * 1000 - now.getTime();
}

/** The conditions with Progressing brought up to date: complete, moving, or out of time. */
export function withProgress(
  deployment: Deployment,
  status: DeploymentStatus,
  newestName: string | undefined,
  now: Date,
): DeploymentCondition[] {
  const conditions = status.conditions ?? [];
  if (!hasProgressDeadline(deployment)) return withoutCondition(conditions, 'Progressing');
  const current = findCondition(conditions, 'Progressing');
  if (status.replicas === status.updatedReplicas && current?.reason === 'NewReplicaSetAvailable') return conditions;
  const subject = newestName === undefined ? `Deployment "${deployment.metadata.name}"` : `ReplicaSet "${newestName}"`;
  if (isComplete(deployment, status)) {
    const message = `${subject} has successfully progressed.`;
    return withCondition(conditions, newCondition('Progressing', 'True', 'NewReplicaSetAvailable', message, now));
  }
  if (hasMoved(deployment.status ?? {}, status)) {
    const next = newCondition('Progressing', 'True', 'ReplicaSetUpdated', `${subject} is progressing.`, now);
    if (current?.status === 'True' && current.lastTransitionTime !== undefined) {
      next.lastTransitionTime = current.lastTransitionTime;
    }
    return [...withoutCondition(conditions, 'Progressing'), next];
  }
  if ((untilDeadlineMs(deployment, status, now) ?? 1) > 0) return conditions;
  const message = `${subject} has timed out progressing.`;
  return withCondition(conditions, newCondition('Progressing', 'False', 'ProgressDeadlineExceeded', message, now));
}

/** The failure that a ReplicaSet reports, the newest one's first, as the Deployment's own. */
export function withReplicaFailure(
  conditions: readonly DeploymentCondition[],
  all: readonly ReplicaSet[],
  newest: ReplicaSet | undefined,
): DeploymentCondition[] {
  const failures = [newest, ...all].map((each) => findCondition(each?.status?.conditions, 'ReplicaFailure'));
  const failure = failures.find((each) => each !== undefined);
  if (failure === undefined) return withoutCondition(conditions, 'ReplicaFailure');
  const since = failure.lastTransitionTime;
  return withCondition(conditions, { ...failure, ...(since === undefined ? {} : { lastUpdateTime: since }) });
}

/** A status as the API shows it: counts of 0 are left out, but for `terminatingReplicas`, where 0 is an answer. */
export function withoutZeros(status: DeploymentStatus): DeploymentStatus {
  const entries = Object.entries(status).filter(([key, value]) => value !== 0 || key === 'terminatingReplicas');
  return Object.fromEntries(entries);
}
