/** Carries out the plan for a Deployment. */
import type { ApiClient } from '../../api/client.ts';
import { isAlreadyExists } from '../../api/errors.ts';
import type { EventRecorder } from '../../api/event-recorder.ts';
import { isControlledBy } from '../../api/owner.ts';
import { deployments, replicaSets } from '../../api/resources.ts';
import type { Deployment, DeploymentStatus, ReplicaSet } from '../../api/types.gen.ts';
import { unlessGone, withKind } from '../controller.ts';
import { isNamespaceTerminating } from '../namespace/terminating.ts';
import type { OwnWrites } from '../own-writes.ts';
import { semanticEqual } from '../semantic-equal.ts';
import { revisionAnnotation } from './annotations.ts';
import { hasProgressDeadline, newCondition, withCondition } from './conditions.ts';
import type { DeploymentPlan, ReplicaSetChange } from './plan.ts';
import { sameTemplate } from './template-hash.ts';

export interface ApplyContext {
  readonly client: ApiClient;
  readonly events: EventRecorder;
  readonly now: () => Date;
  readonly replicaSetWrites: OwnWrites<ReplicaSet>;
  readonly deploymentWrites: OwnWrites<Deployment>;
}

/** What pods wait for goes first; the Deployment's own status goes last. Rejects at the first write that fails. */
export async function applyPlan(context: ApplyContext, deployment: Deployment, plan: DeploymentPlan): Promise<void> {
  if (plan.create !== undefined) await create(context, deployment, plan.create);
  await Promise.all(plan.update.map((change) => update(context, deployment, change)));
  await Promise.all(plan.remove.map((each) => remove(context, deployment, each)));
  await writeStatus(context, deployment, plan.status, plan.revision);
}

/** The scope of OwnWrites: a Deployment's ReplicaSets. */
export const scopeOf = (deployment: Deployment): string => deployment.metadata.uid ?? '';

async function create(context: ApplyContext, deployment: Deployment, replicaSet: ReplicaSet): Promise<void> {
  const { client, events } = context;
  try {
    const made = await client.create(replicaSets, replicaSet);
    context.replicaSetWrites.wrote(scopeOf(deployment), made);
    const size = replicaSet.spec?.replicas ?? 0;
    if (size > 0) tellScaled(events, deployment, made, 0, size);
  } catch (error) {
    if (isAlreadyExists(error)) return settleCollision(context, deployment, replicaSet);
    if (!isNamespaceTerminating(error)) await tellFailure(context, deployment, replicaSet, error);
    throw error;
  }
}

/** The name is taken: by ourselves a moment ago (fine), or by another template of the same hash (then the next hash). */
async function settleCollision(context: ApplyContext, deployment: Deployment, wanted: ReplicaSet): Promise<void> {
  const { namespace, name = '' } = wanted.metadata;
  const there = await context.client.get(replicaSets, { namespace, name });
  if (isControlledBy(there, deployment) && sameTemplate(there.spec?.template, wanted.spec?.template)) {
    context.replicaSetWrites.wrote(scopeOf(deployment), there);
    return;
  }
  const collisionCount = (deployment.status?.collisionCount ?? 0) + 1;
  await writeStatus(context, deployment, { ...deployment.status, collisionCount });
  throw new Error(`ReplicaSet ${name} belongs to another template; trying the next hash`);
}

async function tellFailure(
  context: ApplyContext,
  deployment: Deployment,
  replicaSet: ReplicaSet,
  error: unknown,
): Promise<void> {
  const text = error instanceof Error ? error.message : String(error);
  const message = `Failed to create new replica set "${replicaSet.metadata.name}": ${text}`;
  context.events.event(withKind(deployments, deployment), 'Warning', 'ReplicaSetCreateError', message);
  if (!hasProgressDeadline(deployment)) return;
  const condition = newCondition('Progressing', 'False', 'ReplicaSetCreateError', message, context.now());
  const conditions = withCondition(deployment.status?.conditions ?? [], condition);
  await writeStatus(context, deployment, { ...deployment.status, conditions });
}

/**
 * Only what the plan changes, and bound to no version: the ReplicaSet's status moves all the time during a rollout, and
 * nobody else sizes the ReplicaSets of a Deployment.
 */
async function update(context: ApplyContext, deployment: Deployment, { from, to }: ReplicaSetChange): Promise<void> {
  const { namespace, name = '', uid, annotations } = to.metadata;
  const [before, after] = [from.spec?.replicas ?? 1, to.spec?.replicas ?? 1];
  const minReadySeconds = to.spec?.minReadySeconds;
  const spec = {
    ...(before === after ? {} : { replicas: after }),
    ...(minReadySeconds === from.spec?.minReadySeconds ? {} : { minReadySeconds }),
  };
  const patch = { metadata: { uid, annotations }, spec };
  const written = await context.client.patch(replicaSets, { namespace, name }, patch, { type: 'merge' });
  context.replicaSetWrites.wrote(scopeOf(deployment), written);
  if (before !== after) tellScaled(context.events, deployment, to, before, after);
}

function tellScaled(
  events: EventRecorder,
  deployment: Deployment,
  replicaSet: ReplicaSet,
  from: number,
  to: number,
): void {
  const message = `Scaled ${to > from ? 'up' : 'down'} replica set ${replicaSet.metadata.name} from ${from} to ${to}`;
  events.event(withKind(deployments, deployment), 'Normal', 'ScalingReplicaSet', message);
}

async function remove(context: ApplyContext, deployment: Deployment, replicaSet: ReplicaSet): Promise<void> {
  const { namespace, name = '', uid } = replicaSet.metadata;
  const preconditions = uid === undefined ? {} : { uid };
  await unlessGone(
    context.client.delete(replicaSets, { namespace, name }, { propagationPolicy: 'Background', preconditions }),
  );
  context.replicaSetWrites.deleted(scopeOf(deployment), replicaSet);
}

/** Writes only what is new; the revision goes with the status, in one write. */
async function writeStatus(
  context: ApplyContext,
  deployment: Deployment,
  status: DeploymentStatus,
  revision?: string,
): Promise<void> {
  const { annotations } = deployment.metadata;
  const isTold = revision === undefined || annotations?.[revisionAnnotation] === revision;
  if (isTold && semanticEqual(deployment.status, status)) return;
  const metadata = isTold
    ? deployment.metadata
    : { ...deployment.metadata, annotations: { ...annotations, [revisionAnnotation]: revision } };
  const written = await context.client.update(deployments, { ...deployment, metadata, status }, 'status');
  context.deploymentWrites.wrote('', written);
}
