/** DaemonSets: one pod of a template on each node that takes it. */
import { keyOf, type Change, type Informer } from '../../api/informer.ts';
import { controllerOf } from '../../api/owner.ts';
import { controllerRevisions, daemonSets, nodes, pods } from '../../api/resources.ts';
import { selectorFromLabelSelector } from '../../api/selectors.ts';
import type { ControllerRevision, DaemonSet, Node, Pod } from '../../api/types.gen.ts';
import type { WorkQueue } from '../../api/work-queue.ts';
import { claimAll } from '../claim.ts';
import { startController, unlessGone, withKind, type ControllerContext } from '../controller.ts';
import { Expectations } from '../expectations.ts';
import { byController, byNamespace, orphansByNamespace } from '../indexes.ts';
import { createPods, deletePods, podFrom, type OwnedPodsContext } from '../owned-pods.ts';
import { OwnWrites } from '../own-writes.ts';
import { randomName } from '../random-name.ts';
import { semanticEqual } from '../semantic-equal.ts';
import { FailedPods } from './failed-pods.ts';
import { hashOf } from './history.ts';
import { nodeOf, specForNode } from './placement.ts';
import { planPlaces } from './plan-places.ts';
import { planRollout } from './plan-rollout.ts';
import { revisionIndexes, Revisions } from './revisions.ts';
import { daemonSetStatus } from './status.ts';
import { hashLabel, placesOf, type PodPlan, type World } from './world.ts';

const podIndexes = { controller: byController, orphans: orphansByNamespace };
const templateGenerationAnnotation = 'deprecated.daemonset.template.generation';

/** When to look again, in ms. */
type Again = number | undefined;

class DaemonSetController {
  readonly #context: ControllerContext;
  readonly #daemonSets: Informer<DaemonSet>;
  readonly #pods: Informer<Pod>;
  readonly #nodes: Informer<Node>;
  readonly #revisions: Revisions;
  readonly #writes: OwnWrites<DaemonSet>;
  readonly #queue: WorkQueue;
  readonly #expectations = new Expectations();
  readonly #failedPods: FailedPods;

  constructor(context: ControllerContext) {
    const { client, informers, now } = context;
    this.#context = context;
    this.#daemonSets = informers.informer(daemonSets, { indexes: { namespace: byNamespace } });
    this.#pods = informers.informer(pods, { indexes: podIndexes });
    this.#nodes = informers.informer(nodes);
    const revisions = informers.informer(controllerRevisions, { indexes: revisionIndexes });
    this.#revisions = new Revisions(client, revisions);
    this.#writes = new OwnWrites(this.#daemonSets);
    this.#failedPods = new FailedPods(() => now().getTime());
    this.#queue = startController(context, {
      name: 'daemonset',
      after: [this.#daemonSets, this.#pods, this.#nodes, revisions],
      reconcile: (key) => this.#reconcile(key),
    });
    this.#daemonSets.onChange(({ object }) => this.#queue.add(keyOf(object)));
    this.#pods.onChange((change) => this.#podChanged(change));
    this.#nodes.onChange((change) => this.#nodeChanged(change));
    revisions.onChange(({ object, previous }) => this.#revisionChanged(object, previous));
  }

  async #reconcile(key: string): Promise<void | { requeueAfterMs: number }> {
    const daemonSet = this.#writes.get(key);
    if (daemonSet === undefined) {
      this.#expectations.forget(key);
      this.#failedPods.forget(`${key}/`);
      return;
    }
    const selector = daemonSet.spec?.selector;
    if (Object.keys(selector?.matchLabels ?? {}).length + (selector?.matchExpressions?.length ?? 0) === 0) {
      const message = 'This daemon set is selecting all pods. A non-empty selector is required.';
      this.#context.events.event(withKind(daemonSets, daemonSet), 'Warning', 'SelectingAll', message);
      return;
    }
    if (daemonSet.metadata.deletionTimestamp !== undefined) return;
    const history = await this.#revisions.of(daemonSet);
    const current = await this.#revisions.settle(daemonSet, history);
    const own = await this.#claim(daemonSet);
    const places = placesOf(daemonSet, this.#nodes.list(), own);
    const world: World = { daemonSet, places, hash: hashOf(current), now: this.#context.now() };
    const again = [await this.#manage(key, world), await this.#writeStatus(key, world)];
    await this.#revisions.prune(daemonSet, history, current, own);
    const soonest = Math.min(...again.filter((ms) => ms !== undefined));
    return soonest === Infinity ? undefined : { requeueAfterMs: soonest };
  }

  /** All its pods, also those on their way out, and orphans that it has just adopted. */
  #claim(daemonSet: DaemonSet): Promise<Pod[]> {
    const orphans = this.#pods.byIndex('orphans', daemonSet.metadata.namespace ?? '');
    const candidates = [...this.#pods.byIndex('controller', daemonSet.metadata.uid ?? ''), ...orphans];
    const owner = withKind(daemonSets, daemonSet);
    return claimAll(this.#context.client, daemonSets, owner, daemonSet.spec?.selector ?? {}, pods, candidates);
  }

  /** Rejects with what went wrong. Does nothing while the local copy of the pods may be behind. */
  async #manage(key: string, world: World): Promise<Again> {
    if (!this.#expectations.areMet(key)) return undefined;
    const places = planPlaces(world);
    const isInPlace = places.create.length + places.remove.length === 0;
    const { plan, again } = this.#withoutFresh(key, isInPlace ? planRollout(world) : places);
    const { client, events } = this.#context;
    const owner = withKind(daemonSets, world.daemonSet);
    const own: OwnedPodsContext = { client, events, expectations: this.#expectations, key, owner };
    const wanted = plan.create.map((node) => this.#podFor(own, world, node));
    const results = [await createPods(own, wanted), await deletePods(own, plan.remove)];
    const failure = results.find((result) => result !== undefined);
    if (failure !== undefined) {
      await this.#writeStatus(key, world).catch(() => undefined);
      throw failure;
    }
    return again;
  }

  /** The plan without the failed pods that are not to be replaced yet. */
  #withoutFresh(key: string, plan: PodPlan): { readonly plan: PodPlan; readonly again: Again } {
    const waits: number[] = [];
    const remove = plan.remove.filter((pod) => {
      const waitMs = pod.status?.phase === 'Failed' ? this.#failedPods.waitMs(`${key}/${nodeOf(pod)}`) : 0;
      if (waitMs > 0) waits.push(waitMs);
      return waitMs === 0;
    });
    return { plan: { ...plan, remove }, again: waits.length === 0 ? undefined : Math.min(...waits) };
  }

  #podFor({ owner }: OwnedPodsContext, { daemonSet, hash }: World, node: string): Pod {
    const { metadata = {}, spec } = daemonSet.spec?.template ?? {};
    const generation = daemonSet.metadata.annotations?.[templateGenerationAnnotation];
    const labels = {
      ...metadata.labels,
      ...(generation === undefined ? {} : { 'pod-template-generation': generation }),
      [hashLabel]: hash,
    };
    const template = { metadata: { ...metadata, labels }, spec: specForNode(spec ?? { containers: [] }, node) };
    return podFrom(owner, template, randomName(`${owner.metadata.name}-`));
  }

  async #writeStatus(key: string, world: World): Promise<Again> {
    const { daemonSet } = world;
    const { status, nextAvailableMs } = daemonSetStatus(world);
    // Pods that are about to be seen bring their own run; a new template is owned up to at once.
    const isObserved = daemonSet.status?.observedGeneration === status.observedGeneration;
    if (isObserved && !this.#expectations.areMet(key)) return nextAvailableMs;
    if (semanticEqual(daemonSet.status, status)) return nextAvailableMs;
    const write = this.#context.client.update(daemonSets, { ...daemonSet, status }, 'status');
    await unlessGone(write.then((written) => this.#writes.wrote('', written)));
    return nextAvailableMs;
  }

  #podChanged({ type, object, previous }: Change<Pod>): void {
    const { namespace = '', name = '', uid = '' } = object.metadata;
    const owner = controllerOf(object);
    const former = previous === undefined ? undefined : controllerOf(previous);
    if (former?.kind === 'DaemonSet' && former.uid !== owner?.uid) this.#queue.add(`${namespace}/${former.name}`);
    if (owner === undefined && type !== 'deleted') this.#addAdopters(object);
    if (owner?.kind !== 'DaemonSet') return;
    const key = `${namespace}/${owner.name}`;
    this.#expectations.created(key, name);
    if (type === 'deleted' || object.metadata.deletionTimestamp !== undefined) this.#expectations.deleted(key, uid);
    this.#queue.add(key);
  }

  /** An orphan interests every DaemonSet that would adopt it. */
  #addAdopters(pod: Pod): void {
    for (const each of this.#daemonSets.byIndex('namespace', pod.metadata.namespace ?? '')) {
      if (each.spec === undefined) continue;
      if (selectorFromLabelSelector(each.spec.selector)(pod.metadata.labels)) this.#queue.add(keyOf(each));
    }
  }

  /** Heartbeats are nothing new; labels and taints are. */
  #nodeChanged({ type, object, previous }: Change<Node>): void {
    const isSame =
      type !== 'deleted' &&
      previous !== undefined &&
      semanticEqual(previous.metadata.labels, object.metadata.labels) &&
      semanticEqual(previous.spec?.taints, object.spec?.taints);
    if (isSame) return;
    for (const each of this.#daemonSets.list()) this.#queue.add(keyOf(each));
  }

  #revisionChanged(...versions: readonly (ControllerRevision | undefined)[]): void {
    for (const each of versions) {
      const owner = each === undefined ? undefined : controllerOf(each);
      if (owner?.kind === 'DaemonSet') this.#queue.add(`${each?.metadata.namespace}/${owner.name}`);
    }
  }
}

/** Starts the controller; it ends with the context's signal. */
export function startDaemonSetController(context: ControllerContext): void {
  new DaemonSetController(context);
}
