/** Pod garbage collection: pods that nobody will ever end. */
import { isNotFound } from '../api/errors.ts';
import { keyOf, type Change, type Informer } from '../api/informer.ts';
import { nodes, pods } from '../api/resources.ts';
import { formatTime } from '../api/time.ts';
import type { Node, Pod } from '../api/types.gen.ts';
import type { WorkQueue } from '../api/work-queue.ts';
import { startController, type ControllerContext } from './controller.ts';
import { byNode } from './indexes.ts';
import { hasEnded } from './pod-state.ts';

export interface PodGcOptions {
  /** A node may come back under its name; its pods are given up after this long. Default 40 s, upstream's quarantine. */
  readonly quarantineMs?: number;
  /** Ended pods kept in the whole cluster. Default 12,500, upstream's. */
  readonly terminatedPodThreshold?: number;
}

const isAssigned = (pod: Pod): boolean => (pod.spec?.nodeName ?? '') !== '';
/** The key under which ended pods are looked at; no pod has it, since pods have a namespace. */
const endedKey = 'ended';

const podIndexes = { node: byNode, ended: (pod: Pod): string[] => (hasEnded(pod) ? ['yes'] : []) };

/** Ended pods beyond the threshold, oldest first. Pure. */
export function surplusOf(ended: readonly Pod[], threshold: number): Pod[] {
  const age = (pod: Pod): string => pod.metadata.creationTimestamp ?? '';
  const sorted = [...ended].sort((a, b) => (age(a) < age(b) ? -1 : Number(age(a) > age(b))));
  return sorted.slice(0, Math.max(0, ended.length - threshold));
}

class PodGc {
  readonly #context: ControllerContext;
  readonly #quarantineMs: number;
  readonly #threshold: number;
  readonly #nodes: Informer<Node>;
  readonly #pods: Informer<Pod>;
  /** Keys are names of nodes. */
  readonly #orphans: WorkQueue;
  readonly #others: WorkQueue;

  constructor(context: ControllerContext, options: PodGcOptions) {
    this.#context = context;
    this.#quarantineMs = options.quarantineMs ?? 40_000;
    this.#threshold = options.terminatedPodThreshold ?? 12_500;
    this.#nodes = context.informers.informer(nodes);
    this.#pods = context.informers.informer(pods, { indexes: podIndexes });
    const after = [this.#nodes, this.#pods];
    this.#orphans = startController(context, {
      name: 'pod-gc-nodes',
      after,
      reconcile: (node) => this.#removeOrphans(node),
    });
    this.#others = startController(context, { name: 'pod-gc', after, reconcile: (key) => this.#removeOthers(key) });
    this.#nodes.onChange(({ type, object }) => {
      if (type === 'deleted') this.#orphans.addAfter(keyOf(object), this.#quarantineMs);
    });
    this.#pods.onChange((change) => this.#podChanged(change));
  }

  #podChanged({ type, object, previous }: Change<Pod>): void {
    if (type === 'deleted') return;
    const node = object.spec?.nodeName ?? '';
    const isNewThere = isAssigned(object) && previous?.spec?.nodeName !== node;
    if (isNewThere && this.#nodes.get(node) === undefined) this.#orphans.addAfter(node, this.#quarantineMs);
    if (!isAssigned(object) && object.metadata.deletionTimestamp !== undefined) this.#others.add(keyOf(object));
    if (hasEnded(object) && this.#pods.byIndex('ended', 'yes').length > this.#threshold) this.#others.add(endedKey);
  }

  async #removeOrphans(node: string): Promise<void> {
    const left = this.#pods.byIndex('node', node);
    if (left.length === 0 || !(await this.#isGone(node))) return;
    const reason = { reason: 'DeletionByPodGC', message: 'PodGC: node no longer exists' };
    await Promise.all(left.map((pod) => this.#remove(pod, reason)));
  }

  async #removeOthers(key: string): Promise<void> {
    if (key === endedKey) {
      const surplus = surplusOf(this.#pods.byIndex('ended', 'yes'), this.#threshold);
      await Promise.all(surplus.map((pod) => this.#remove(pod)));
      return;
    }
    const pod = this.#pods.get(key);
    if (pod?.metadata.deletionTimestamp !== undefined && !isAssigned(pod)) await this.#remove(pod);
  }

  /** The server is asked itself: a node must be gone for certain. */
  async #isGone(node: string): Promise<boolean> {
    if (this.#nodes.get(node) !== undefined) return false;
    try {
      await this.#context.client.get(nodes, { name: node });
      return false;
    } catch (error) {
      if (isNotFound(error)) return true;
      throw error;
    }
  }

  /** With grace period 0, since no kubelet will end it. */
  async #remove(pod: Pod, reason?: { readonly reason: string; readonly message: string }): Promise<void> {
    const { client, now } = this.#context;
    const { namespace, name = '', uid } = pod.metadata;
    const key = { namespace, name };
    try {
      if (reason !== undefined && !hasEnded(pod)) {
        const condition = {
          type: 'DisruptionTarget',
          status: 'True',
          lastTransitionTime: formatTime(now()),
          ...reason,
        };
        const patch = { metadata: { uid }, status: { phase: 'Failed', conditions: [condition] } };
        await client.patch(pods, key, patch, { type: 'strategic', subresource: 'status' });
      }
      await client.delete(pods, key, { gracePeriodSeconds: 0, preconditions: uid === undefined ? {} : { uid } });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}

/** Starts the controller; it ends with the context's signal. */
export function startPodGc(context: ControllerContext, options: PodGcOptions = {}): void {
  new PodGc(context, options);
}
