/** Deployments: keeps one ReplicaSet per template, and moves replicas from the old ones to the newest. */
import { controllerOf } from '../../api/owner.ts';
import { keyOf } from '../../api/informer.ts';
import { deployments, pods, replicaSets } from '../../api/resources.ts';
import type { Deployment, ReplicaSet } from '../../api/types.gen.ts';
import { claimAll } from '../claim.ts';
import { startController, unlessGone, withKind, type ControllerContext } from '../controller.ts';
import { byController, byNamespace, orphansByNamespace } from '../indexes.ts';
import { OwnWrites } from '../own-writes.ts';
import { applyPlan, scopeOf } from './apply.ts';
import { planDeployment } from './plan.ts';

const hasEnded = (phase: string | undefined): boolean => phase === 'Succeeded' || phase === 'Failed';

/** Starts the controller; it ends with the context's signal. */
export function startDeploymentController(context: ControllerContext): void {
  const { client, informers, events, now } = context;
  const deploymentInformer = informers.informer(deployments, { indexes: deploymentIndexes });
  const replicaSetInformer = informers.informer(replicaSets, { indexes: replicaSetIndexes });
  const podInformer = informers.informer(pods, { indexes: podIndexes });
  const replicaSetWrites = new OwnWrites<ReplicaSet>(replicaSetInformer);
  const deploymentWrites = new OwnWrites<Deployment>(deploymentInformer);

  /** Those it controls, and orphans that it might adopt. */
  const ownReplicaSets = async (deployment: Deployment): Promise<ReplicaSet[]> => {
    const scope = scopeOf(deployment);
    const candidates = [
      ...replicaSetInformer.byIndex('controller', scope),
      ...replicaSetInformer.byIndex('orphans', deployment.metadata.namespace ?? ''),
    ];
    const known = replicaSetWrites.list(scope, candidates);
    const selector = deployment.spec?.selector ?? {};
    return claimAll(client, deployments, withKind(deployments, deployment), selector, replicaSets, known);
  };

  const hasPods = (replicaSet: ReplicaSet): boolean =>
    podInformer.byIndex('controller', replicaSet.metadata.uid ?? '').some((pod) => !hasEnded(pod.status?.phase));

  const queue = startController(context, {
    name: 'deployment',
    after: [deploymentInformer, replicaSetInformer, podInformer],
    reconcile: async (key) => {
      const deployment = deploymentWrites.get(key);
      if (deployment === undefined) return;
      const selector = deployment.spec?.selector;
      if (Object.keys(selector?.matchLabels ?? {}).length + (selector?.matchExpressions?.length ?? 0) === 0) {
        const message = 'This deployment is selecting all pods. A non-empty selector is required.';
        events.event(withKind(deployments, deployment), 'Warning', 'SelectingAll', message);
        return;
      }
      const owned = await ownReplicaSets(deployment);
      const plan = planDeployment({ deployment, replicaSets: owned, hasPods, now: now() });
      await unlessGone(applyPlan({ client, events, now, replicaSetWrites, deploymentWrites }, deployment, plan));
      return plan.requeueAfterMs === undefined ? undefined : { requeueAfterMs: plan.requeueAfterMs };
    },
  });

  const addOwner = (replicaSet: ReplicaSet): void => {
    const owner = controllerOf(replicaSet);
    const namespace = replicaSet.metadata.namespace ?? '';
    if (owner?.kind === 'Deployment') queue.add(`${namespace}/${owner.name}`);
    if (owner !== undefined || replicaSet.metadata.deletionTimestamp !== undefined) return;
    for (const each of deploymentInformer.byIndex('namespace', namespace)) queue.add(keyOf(each));
  };
  deploymentInformer.onChange(({ object }) => queue.add(keyOf(object)));
  replicaSetInformer.onChange(({ object, previous }) => {
    addOwner(object);
    if (previous !== undefined && controllerOf(previous)?.uid !== controllerOf(object)?.uid) addOwner(previous);
  });
  // Recreate waits for the last old pod to go.
  podInformer.onChange(({ type, object }) => {
    if (type !== 'deleted' && !hasEnded(object.status?.phase)) return;
    const owner = controllerOf(object);
    if (owner?.kind !== 'ReplicaSet') return;
    const replicaSet = replicaSetInformer.get(`${object.metadata.namespace}/${owner.name}`);
    if (replicaSet === undefined) return;
    const deployment = deploymentInformer.get(`${object.metadata.namespace}/${controllerOf(replicaSet)?.name}`);
    if (deployment?.spec?.strategy?.type === 'Recreate') queue.add(keyOf(deployment));
  });
}

const deploymentIndexes = { namespace: byNamespace };
const replicaSetIndexes = { controller: byController, orphans: orphansByNamespace };
const podIndexes = { controller: byController };
