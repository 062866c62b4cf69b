/** ReplicaSets, and ReplicationControllers as one of them: as many pods of one template as asked for. */
import type { KubeObject } from '../../api/client.ts';
import { keyOf, type Change, type Informer } from '../../api/informer.ts';
import { controllerOf } from '../../api/owner.ts';
import { pods } from '../../api/resources.ts';
import { selectorFromLabelSelector } from '../../api/selectors.ts';
import type { Pod, ReplicaSet } from '../../api/types.gen.ts';
import type { WorkQueue } from '../../api/work-queue.ts';
import { claimAll, type Owner } from '../claim.ts';
import { startController, unlessGone, type ControllerContext } from '../controller.ts';
import { Expectations } from '../expectations.ts';
import { byController, byNamespace, orphansByNamespace } from '../indexes.ts';
import { createPods, deletePods, podFrom, type OwnedPodsContext } from '../owned-pods.ts';
import { OwnWrites } from '../own-writes.ts';
import { hasEnded, isActive } from '../pod-state.ts';
import { randomName } from '../random-name.ts';
import { semanticEqual } from '../semantic-equal.ts';
import { replicaSetKind, replicationControllerKind, type Kind } from './kinds.ts';
import { familyOf, podsToDelete } from './pod-ranking.ts';
import { replicaSetStatus } from './status.ts';

const podIndexes = { controller: byController, orphans: orphansByNamespace };
const setIndexes = { namespace: byNamespace, family: (each: KubeObject): string[] => [familyOf(each)] };

class ReplicaSetController<T extends KubeObject> {
  readonly #context: ControllerContext;
  readonly #kind: Kind<T>;
  readonly #sets: Informer<T>;
  readonly #pods: Informer<Pod>;
  readonly #writes: OwnWrites<T>;
  readonly #queue: WorkQueue;
  readonly #expectations = new Expectations();

  constructor(context: ControllerContext, kind: Kind<T>) {
    this.#context = context;
    this.#kind = kind;
    this.#sets = context.informers.informer(kind.type, { indexes: setIndexes });
    this.#pods = context.informers.informer(pods, { indexes: podIndexes });
    this.#writes = new OwnWrites(this.#sets);
    this.#queue = startController(context, {
      name: kind.type.kind.toLowerCase(),
      after: [this.#sets, this.#pods],
      concurrency: 8,
      reconcile: (key) => this.#reconcile(key),
    });
    this.#pods.onChange((change) => this.#podChanged(change));
    this.#sets.onChange(({ object }) => this.#queue.add(keyOf(object)));
  }

  async #reconcile(key: string): Promise<void | { requeueAfterMs: number }> {
    const set = this.#writes.get(key);
    if (set === undefined) {
      this.#expectations.forget(key);
      return;
    }
    const replicaSet = this.#kind.asReplicaSet(set);
    const active = await this.#claim(replicaSet);
    const hadMet = this.#expectations.areMet(key);
    const failure = await this.#manage(key, replicaSet, active);
    // The pods just created or deleted are about to be seen: the status is written then, with them.
    if (failure === undefined && hadMet && !this.#expectations.areMet(key)) return;
    const leaving = this.#ownPods(replicaSet).filter((pod) => pod.metadata.deletionTimestamp !== undefined);
    const terminating = leaving.filter((pod) => !hasEnded(pod)).length;
    const now = this.#context.now();
    const { status, nextAvailableMs } = replicaSetStatus({ replicaSet, active, terminating, failure, now });
    const next = this.#kind.withStatus(set, status);
    if (!semanticEqual(set, next)) await unlessGone(this.#write(next));
    if (failure !== undefined) throw failure;
    return nextAvailableMs === undefined ? undefined : { requeueAfterMs: nextAvailableMs };
  }

  async #write(set: T): Promise<void> {
    this.#writes.wrote('', await this.#context.client.update(this.#kind.type, set, 'status'));
  }

  #ownPods({ metadata }: KubeObject): readonly Pod[] {
    return this.#pods.byIndex('controller', metadata.uid ?? '');
  }

  /** Its active pods, orphans it has just adopted among them. */
  #claim(replicaSet: ReplicaSet & Owner): Promise<Pod[]> {
    const orphans = this.#pods.byIndex('orphans', replicaSet.metadata.namespace ?? '');
    const candidates = [...this.#ownPods(replicaSet), ...orphans].filter(isActive);
    const selector = replicaSet.spec?.selector ?? {};
    return claimAll(this.#context.client, this.#kind.type, replicaSet, selector, pods, candidates);
  }

  /** Resolves to what went wrong. Does nothing while the local copy of the pods may be behind. */
  async #manage(key: string, replicaSet: ReplicaSet & Owner, active: readonly Pod[]): Promise<Error | undefined> {
    if (!this.#expectations.areMet(key) || replicaSet.metadata.deletionTimestamp !== undefined) return undefined;
    const { client, events, now } = this.#context;
    const own: OwnedPodsContext = { client, events, expectations: this.#expectations, key, owner: replicaSet };
    const missing = (replicaSet.spec?.replicas ?? 1) - active.length;
    if (missing > 0) return createPods(own, newPods(replicaSet, missing));
    if (missing === 0) return undefined;
    // Those of all ReplicaSets of the same Deployment count as neighbours.
    const family = this.#sets.byIndex('family', familyOf(replicaSet));
    const related = family.flatMap((each) => [...this.#ownPods(each)]);
    return deletePods(own, podsToDelete(active, related, -missing, now()));
  }

  #podChanged({ type, object, previous }: Change<Pod>): void {
    const { namespace = '', name = '', uid = '' } = object.metadata;
    const owner = controllerOf(object);
    const former = previous === undefined ? undefined : controllerOf(previous);
    const { kind } = this.#kind.type;
    if (former?.kind === kind && former.uid !== owner?.uid) this.#queue.add(`${namespace}/${former.name}`);
    if (owner === undefined && type !== 'deleted') this.#addAdopters(object);
    if (owner?.kind !== kind) return;
    const key = `${namespace}/${owner.name}`;
    this.#expectations.created(key, name);
    const goes = type === 'deleted' || object.metadata.deletionTimestamp !== undefined;
    if (goes) this.#expectations.deleted(key, uid);
    this.#queue.add(key);
  }

  /** An orphan interests everyone that would adopt it. */
  #addAdopters(pod: Pod): void {
    for (const each of this.#sets.byIndex('namespace', pod.metadata.namespace ?? '')) {
      const { spec } = this.#kind.asReplicaSet(each);
      if (spec === undefined) continue;
      if (selectorFromLabelSelector(spec.selector)(pod.metadata.labels)) this.#queue.add(keyOf(each));
    }
  }
}

function newPods(replicaSet: ReplicaSet & Owner, count: number): Pod[] {
  const base = `${replicaSet.metadata.name}-`;
  return Array.from({ length: count }, () => podFrom(replicaSet, replicaSet.spec?.template, randomName(base)));
}

/** Starts the controller; it ends with the context's signal. */
export function startReplicaSetController(context: ControllerContext): void {
  new ReplicaSetController(context, replicaSetKind);
}

/** The same for ReplicationControllers. */
export function startReplicationController(context: ControllerContext): void {
  new ReplicaSetController(context, replicationControllerKind);
}
