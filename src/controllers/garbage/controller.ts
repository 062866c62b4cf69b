/** Garbage collection: what is owned goes with its owner. */
import type { ApiClient, KubeObject } from '../../api/client.ts';
import type { Change } from '../../api/informer.ts';
import type { OwnerReference } from '../../api/types.gen.ts';
import type { WorkQueue } from '../../api/work-queue.ts';
import { startController, unlessGone, type ControllerContext } from '../controller.ts';
import type { AnyResource } from '../known-resources.ts';
import { OwnerGraph, type Member } from './graph.ts';
import {
  blocks,
  foregroundFinalizer,
  isBeingDeleted,
  isDeletedInForeground,
  isDeletedOrphaning,
  judge,
  orphanFinalizer,
  type OwnerState,
} from './ownership.ts';

class GarbageCollector {
  readonly #client: ApiClient;
  readonly #graph: OwnerGraph;
  readonly #queue: WorkQueue;

  constructor(context: ControllerContext) {
    this.#client = context.client;
    this.#graph = new OwnerGraph(context.client, context.informers);
    this.#queue = startController(context, {
      name: 'garbage-collector',
      after: [...this.#graph.informers.values()],
      concurrency: 16,
      reconcile: (key) => this.#reconcile(key),
    });
    for (const [type, informer] of this.#graph.informers) {
      informer.onChange((change) => this.#changed(type, change));
    }
  }

  async #reconcile(key: string): Promise<void> {
    const member = this.#graph.find(key);
    if (member === undefined) return;
    if (isDeletedOrphaning(member.object)) return this.#orphan(member);
    if (isDeletedInForeground(member.object)) return this.#finishForeground(member);
    if (!isBeingDeleted(member.object)) await this.#collect(member);
  }

  #changed(type: AnyResource, { type: change, object, previous }: Change<KubeObject>): void {
    const uid = object.metadata.uid ?? '';
    if (change === 'deleted') {
      this.#graph.rememberGone(uid);
      for (const dependent of this.#graph.dependentsOf(uid)) this.#queue.add(OwnerGraph.keyOf(dependent));
    } else if (this.#needsLook(object)) this.#queue.add(OwnerGraph.keyOf({ type, object }));
    // One less that an owner waits for: this object has gone, or was set free.
    for (const reference of (previous ?? object).metadata.ownerReferences ?? []) {
      const owner = this.#graph.ownerOf(reference, object);
      if (owner !== undefined && isDeletedInForeground(owner.object)) this.#queue.add(OwnerGraph.keyOf(owner));
    }
  }

  /** Whether the collector has to look at this object at all: nearly always its owners are well. */
  #needsLook(object: KubeObject): boolean {
    if (isBeingDeleted(object)) return isDeletedOrphaning(object) || isDeletedInForeground(object);
    return (object.metadata.ownerReferences ?? []).some((reference) => {
      const owner = this.#graph.ownerOf(reference, object);
      return owner === undefined || isDeletedInForeground(owner.object);
    });
  }

  /** Dependents are set free before their owner goes. */
  async #orphan(owner: Member): Promise<void> {
    const uid = owner.object.metadata.uid ?? '';
    await Promise.all(
      this.#graph.dependentsOf(uid).map((dependent) => {
        const others = (dependent.object.metadata.ownerReferences ?? []).filter((each) => each.uid !== uid);
        return this.#patch(dependent, { ownerReferences: others });
      }),
    );
    await this.#removeFinalizer(owner, orphanFinalizer);
  }

  /**
   * The owner goes when no dependent that blocks it is left. One that is being deleted already wakes it by its end; one that in turn
   * waits for this owner never would, so it blocks no longer.
   */
  async #finishForeground(owner: Member): Promise<void> {
    const uid = owner.object.metadata.uid ?? '';
    const dependents = this.#graph.dependentsOf(uid);
    const blocking = dependents.filter(({ object }) => blocks(object, uid));
    if (blocking.length === 0) return this.#removeFinalizer(owner, foregroundFinalizer);
    for (const dependent of dependents) {
      if (!isBeingDeleted(dependent.object)) this.#queue.add(OwnerGraph.keyOf(dependent));
    }
    const knots = blocking.filter(
      ({ object }) => isDeletedInForeground(object) && this.#graph.waitsFor(object.metadata.uid ?? '', uid),
    );
    await Promise.all(knots.map((dependent) => this.#patch(dependent, { ownerReferences: unblocked(dependent, uid) })));
  }

  async #collect(member: Member): Promise<void> {
    const { type, object } = member;
    const { namespace, name = '', uid, ownerReferences = [] } = object.metadata;
    const states = new Map<string, OwnerState>();
    for (const reference of ownerReferences) states.set(reference.uid, await this.#graph.stateOf(reference, object));
    const hasDependents = this.#graph.dependentsOf(uid ?? '').length > 0;
    const verdict = judge({ object, states, hasDependents });
    if (verdict.action === 'trim') await this.#patch(member, { ownerReferences: verdict.ownerReferences });
    if (verdict.action !== 'delete') return;
    const options = { propagationPolicy: verdict.propagation, preconditions: versionOf(object) };
    await unlessGone(this.#client.delete(type, { namespace, name }, options));
  }

  #removeFinalizer(member: Member, finalizer: string): Promise<void> {
    const finalizers = (member.object.metadata.finalizers ?? []).filter((each) => each !== finalizer);
    return this.#patch(member, { finalizers });
  }

  async #patch({ type, object }: Member, metadata: KubeObject['metadata']): Promise<void> {
    const { namespace, name = '' } = object.metadata;
    const patch = { metadata: { ...versionOf(object), ...metadata } };
    await unlessGone(this.#client.patch(type, { namespace, name }, patch, { type: 'merge' }));
  }
}

/** Its references, of which the one to this owner blocks no longer. */
function unblocked({ object }: Member, ownerUid: string): OwnerReference[] {
  const references = object.metadata.ownerReferences ?? [];
  return references.map((each) => (each.uid === ownerUid ? { ...each, blockOwnerDeletion: false } : each));
}

/** Binds a write to this very version: an object that has been given another owner meanwhile is judged anew. */
function versionOf({ metadata: { uid, resourceVersion } }: KubeObject): { uid?: string; resourceVersion?: string } {
  return {
    ...(uid === undefined ? {} : { uid }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
  };
}

/** Starts the collector; it ends with the context's signal. */
export function startGarbageCollector(context: ControllerContext): void {
  new GarbageCollector(context);
}
