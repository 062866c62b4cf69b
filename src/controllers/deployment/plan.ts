/** What is to be done for one Deployment: pure, from the objects alone. `apply.ts` carries it out. */
import { findCondition } from '../../api/conditions.ts';
import type { Deployment, DeploymentCondition, DeploymentStatus, ReplicaSet } from '../../api/types.gen.ts';
import { semanticEqual } from '../semantic-equal.ts';
import {
  countOf,
  desiredReplicasAnnotation,
  maxReplicasAnnotation,
  newestAnnotations,
  revisionAnnotation,
  revisionOf,
  sizeAnnotations,
} from './annotations.ts';
import {
  hasProgressDeadline,
  isComplete,
  newCondition,
  statusOf,
  untilDeadlineMs,
  withCondition,
  withProgress,
  withReplicaFailure,
  withoutZeros,
} from './conditions.ts';
import { newReplicaSet } from './new-replica-set.ts';
import { fenceposts, newReplicaSetSize, proportionalSizes, scaleDownOld, type Fenceposts } from './rollout-math.ts';
import { sameTemplate } from './template-hash.ts';

/** A ReplicaSet as it should be, beside what it is. */
export interface ReplicaSetChange {
  readonly from: ReplicaSet;
  readonly to: ReplicaSet;
}

export interface DeploymentPlan {
  readonly create: ReplicaSet | undefined;
  readonly update: readonly ReplicaSetChange[];
  readonly remove: readonly ReplicaSet[];
  /** The revision the Deployment's own annotation should tell. */
  readonly revision: string | undefined;
  readonly status: DeploymentStatus;
  /** When the progress deadline must be looked at again. */
  readonly requeueAfterMs: number | undefined;
}

export interface PlanInput {
  readonly deployment: Deployment;
  /** Those the Deployment controls. */
  readonly replicaSets: readonly ReplicaSet[];
  /** Whether a pod of one of these ReplicaSets has not ended yet; asked for the old ones, by Recreate. */
  readonly hasPods: (replicaSet: ReplicaSet) => boolean;
  readonly now: Date;
}

/** A deadline is looked at this much after it passed, since times have whole seconds. */
const deadlineSlackMs = 1000;

const replicasOf = (replicaSet: ReplicaSet): number => replicaSet.spec?.replicas ?? 1;
const isActive = (replicaSet: ReplicaSet): boolean => replicasOf(replicaSet) > 0;

function byAge(a: ReplicaSet, b: ReplicaSet): number {
  const [left, right] = [a.metadata.creationTimestamp ?? '', b.metadata.creationTimestamp ?? ''];
  if (left !== right) return left < right ? -1 : 1;
  return (a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1;
}

/** The draft of a plan: sizes are set step by step, then turned into changes. */
class Draft {
  readonly deployment: Deployment;
  readonly wished: number;
  readonly posts: Fenceposts;
  readonly newest: ReplicaSet | undefined;
  /** Oldest first. */
  readonly old: readonly ReplicaSet[];
  readonly now: Date;
  create: ReplicaSet | undefined;
  readonly #sizes = new Map<ReplicaSet, number>();

  constructor({ deployment, replicaSets, now }: PlanInput) {
    const sorted = [...replicaSets].sort(byAge);
    this.deployment = deployment;
    this.wished = deployment.spec?.replicas ?? 1;
    this.posts = fenceposts(deployment);
    this.newest = sorted.find((each) => sameTemplate(each.spec?.template, deployment.spec?.template));
    this.old = sorted.filter((each) => each !== this.newest);
    this.now = now;
  }

  get existing(): readonly ReplicaSet[] {
    return this.newest === undefined ? this.old : [...this.old, this.newest];
  }

  get revision(): bigint {
    return this.old.map(revisionOf).reduce((most, each) => (each > most ? each : most), 0n) + 1n;
  }

  size(replicaSet: ReplicaSet): number {
    return this.#sizes.get(replicaSet) ?? replicasOf(replicaSet);
  }

  /** Also where the size stays, so that the annotations are written anew. */
  resize(replicaSet: ReplicaSet, size: number): void {
    this.#sizes.set(replicaSet, size);
  }

  /** What the sizes decided so far mean for each ReplicaSet. */
  changes(): ReplicaSetChange[] {
    return this.existing
      .map((from) => ({ from, to: this.#changed(from) }))
      .filter(({ from, to }) => !semanticEqual(from, to));
  }

  #changed(from: ReplicaSet): ReplicaSet {
    if (from.spec === undefined) return from;
    const size = this.#sizes.get(from);
    let { annotations } = from.metadata;
    let minReadySeconds = from.spec.minReadySeconds ?? 0;
    if (from === this.newest) {
      annotations = newestAnnotations(this.deployment, annotations, this.revision);
      minReadySeconds = this.deployment.spec?.minReadySeconds ?? 0;
    }
    if (size !== undefined) annotations = { ...annotations, ...sizeAnnotations(this.wished, this.posts.maxSurge) };
    const spec = { ...from.spec, replicas: size ?? replicasOf(from) };
    if (minReadySeconds !== (from.spec.minReadySeconds ?? 0)) spec.minReadySeconds = minReadySeconds;
    const metadata = annotations === undefined ? from.metadata : { ...from.metadata, annotations };
    return { ...from, metadata, spec };
  }
}

/** Whether the wished count changed since the ReplicaSets were sized. */
function isScaling(draft: Draft): boolean {
  return draft.existing.some((each) => {
    const desired = countOf(each, desiredReplicasAnnotation);
    return isActive(each) && desired !== undefined && desired !== draft.wished;
  });
}

/** Brings the sizes to a changed count without moving the rollout. */
function scale(draft: Draft): void {
  const active = draft.existing.filter(isActive);
  const latest = draft.newest ?? draft.old.at(-1);
  if (active.length <= 1) {
    const only = active[0] ?? latest;
    if (only !== undefined) draft.resize(only, draft.wished);
    return;
  }
  if (isSaturated(draft)) {
    for (const each of draft.old.filter(isActive)) draft.resize(each, 0);
    return;
  }
  if (draft.deployment.spec?.strategy?.type !== 'RollingUpdate') return;
  const growing = draft.wished + draft.posts.maxSurge > active.reduce((sum, each) => sum + replicasOf(each), 0);
  const sorted = [...active].sort((a, b) => replicasOf(b) - replicasOf(a) || (growing ? byAge(b, a) : byAge(a, b)));
  const shares = sorted.map((each) => ({
    replicas: replicasOf(each),
    maxReplicasBefore: countOf(each, maxReplicasAnnotation) ?? 0,
  }));
  const statusReplicas = draft.deployment.status?.replicas ?? 0;
  const sizes = proportionalSizes(draft.wished, draft.posts.maxSurge, statusReplicas, shares);
  sorted.forEach((each, index) => draft.resize(each, sizes[index] ?? replicasOf(each)));
}

function isSaturated({ newest, wished }: Draft): boolean {
  if (newest === undefined || replicasOf(newest) !== wished) return false;
  return countOf(newest, desiredReplicasAnnotation) === wished && newest.status?.availableReplicas === wished;
}

/** Replaces old pods by new ones within the fence posts. Both directions in one step: neither depends on the other. */
function roll(draft: Draft): void {
  const { wished, posts, newest, old } = draft;
  const total = draft.existing.reduce((sum, each) => sum + replicasOf(each), 0);
  const current = newest === undefined ? 0 : replicasOf(newest);
  const size = newReplicaSetSize(wished, posts.maxSurge, total, current);
  if (newest === undefined) draft.create = newReplicaSet(draft.deployment, size, draft.revision, posts.maxSurge);
  else if (size !== current) draft.resize(newest, size);
  const active = old.filter(isActive);
  const after = { replicas: size, available: newest?.status?.availableReplicas ?? 0 };
  const sizes = scaleDownOld(
    wished,
    posts.maxUnavailable,
    after,
    active.map((each) => ({ replicas: replicasOf(each), available: each.status?.availableReplicas ?? 0 })),
  );
  active.forEach((each, index) => {
    const next = sizes[index] ?? replicasOf(each);
    if (next !== replicasOf(each)) draft.resize(each, next);
  });
}

/** Ends all old pods, then starts the new ones. */
function recreate(draft: Draft, hasPods: PlanInput['hasPods']): void {
  const active = draft.old.filter(isActive);
  for (const each of active) draft.resize(each, 0);
  const stillThere = draft.old.some((each) => (each.status?.replicas ?? 0) > 0 || hasPods(each));
  if (active.length > 0 || stillThere) return;
  if (draft.newest === undefined) draft.create = newReplicaSet(draft.deployment, draft.wished, draft.revision, 0);
  else if (replicasOf(draft.newest) !== draft.wished) draft.resize(draft.newest, draft.wished);
}

/** Old ReplicaSets beyond the history limit that are empty and settled. */
function surplus(draft: Draft): ReplicaSet[] {
  const limit = draft.deployment.spec?.revisionHistoryLimit;
  if (limit === undefined) return [];
  const kept = draft.old.filter((each) => each.metadata.deletionTimestamp === undefined);
  const sorted = [...kept].sort((a, b) => Number(revisionOf(a) - revisionOf(b)) || byAge(a, b));
  return sorted
    .slice(0, Math.max(0, kept.length - limit))
    .filter(
      (each) =>
        replicasOf(each) === 0 &&
        (each.status?.replicas ?? 0) === 0 &&
        (each.metadata.generation ?? 0) <= (each.status?.observedGeneration ?? 0),
    );
}

/** Pausing and resuming stop and restart the deadline's clock. */
function pauseCondition(draft: Draft, conditions: readonly DeploymentCondition[]): DeploymentCondition[] {
  const { deployment, now } = draft;
  const current = findCondition(conditions, 'Progressing');
  if (!hasProgressDeadline(deployment) || current?.reason === 'ProgressDeadlineExceeded') return [...conditions];
  const paused = deployment.spec?.paused === true;
  const told = current?.reason === 'DeploymentPaused';
  if (paused === told) return [...conditions];
  const next = paused
    ? newCondition('Progressing', 'Unknown', 'DeploymentPaused', 'Deployment is paused', now)
    : newCondition('Progressing', 'Unknown', 'DeploymentResumed', 'Deployment is resumed', now);
  return withCondition(conditions, next);
}

/** Tells of a ReplicaSet that has just been made or found. */
function newestCondition(draft: Draft, conditions: readonly DeploymentCondition[]): DeploymentCondition[] {
  if (!hasProgressDeadline(draft.deployment)) return [...conditions];
  if (draft.create !== undefined) {
    const message = `Created new replica set "${draft.create.metadata.name}"`;
    return withCondition(conditions, newCondition('Progressing', 'True', 'NewReplicaSetCreated', message, draft.now));
  }
  if (draft.newest === undefined || findCondition(conditions, 'Progressing') !== undefined) return [...conditions];
  const message = `Found new replica set "${draft.newest.metadata.name}"`;
  return withCondition(conditions, newCondition('Progressing', 'True', 'FoundNewReplicaSet', message, draft.now));
}

/** The status after this step; a rollout also tells of its progress. */
function nextStatus(draft: Draft, isRollout: boolean): DeploymentStatus {
  const { deployment, newest, now } = draft;
  const base = statusOf(deployment, draft.existing, newest, draft.posts, now);
  const told = newestCondition(draft, pauseCondition(draft, base.conditions ?? []));
  const status: DeploymentStatus = { ...base, conditions: told };
  if (!isRollout) return status;
  const newestName = (newest ?? draft.create)?.metadata.name;
  const progressed = withProgress(deployment, status, newestName, now);
  return { ...status, conditions: withReplicaFailure(progressed, draft.existing, newest) };
}

function finish(draft: Draft, isRollout: boolean): DeploymentPlan {
  const { deployment, newest, now } = draft;
  const status = nextStatus(draft, isRollout);
  const isDone = isComplete(deployment, status);
  const deadline = isRollout && !isDone ? untilDeadlineMs(deployment, status, now) : undefined;
  const update = draft.changes();
  const newestAfter = update.find(({ from }) => from === newest)?.to ?? draft.create ?? newest;
  const mayClean = deployment.spec?.paused === true || (isRollout && isDone);
  return {
    create: draft.create,
    update,
    remove: mayClean ? surplus(draft) : [],
    revision: newestAfter?.metadata.annotations?.[revisionAnnotation],
    status: withoutZeros(status),
    requeueAfterMs: deadline === undefined ? undefined : Math.max(0, deadline) + deadlineSlackMs,
  };
}

/** The next step towards what the Deployment asks for; an empty plan with an equal status means: nothing to do. */
export function planDeployment(input: PlanInput): DeploymentPlan {
  const draft = new Draft(input);
  const { deployment } = input;
  if (deployment.metadata.deletionTimestamp !== undefined) {
    const status = statusOf(deployment, draft.existing, draft.newest, draft.posts, draft.now);
    return {
      create: undefined,
      update: [],
      remove: [],
      revision: undefined,
      status: withoutZeros(status),
      requeueAfterMs: undefined,
    };
  }
  if (deployment.spec?.paused === true || isScaling(draft)) {
    scale(draft);
    return finish(draft, false);
  }
  if (deployment.spec?.strategy?.type === 'Recreate') recreate(draft, input.hasPods);
  else roll(draft);
  return finish(draft, true);
}
