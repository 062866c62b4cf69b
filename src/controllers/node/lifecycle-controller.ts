/** Node lifecycle: notices nodes that have fallen silent, taints them, and takes their pods out of service. */
import { findCondition } from '../../api/conditions.ts';
import { isConflict, isNotFound } from '../../api/errors.ts';
import { keyOf, type Change, type Informer } from '../../api/informer.ts';
import { leases, nodes, pods } from '../../api/resources.ts';
import { formatTime } from '../../api/time.ts';
import type { Node, Pod } from '../../api/types.gen.ts';
import type { WorkQueue } from '../../api/work-queue.ts';
import { startController, withKind, type ControllerContext } from '../controller.ts';
import { byNode } from '../indexes.ts';
import { OwnWrites } from '../own-writes.ts';
import { readyStatus, SignsOfLife, silentConditions } from './health.ts';
import { changedTaints } from './taints.ts';

const leaseNamespace = 'kube-node-lease';
/** A node that has never told its state is given this long to begin. */
const startupGraceMs = 60_000;
/** A timer that fires so much too late means that this process stood still: heartbeats may be waiting to be read. */
const lateMs = 1000;

export interface NodeLifecycleOptions {
  /** A node that is silent for longer is not known to be alive. */
  readonly nodeMonitorGracePeriodMs: number;
}

const podIndexes = { node: byNode };

class NodeLifecycle {
  readonly #context: ControllerContext;
  readonly #graceMs: number;
  readonly #nodes: Informer<Node>;
  readonly #pods: Informer<Pod>;
  readonly #writes: OwnWrites<Node>;
  readonly #queue: WorkQueue;
  readonly #signs = new SignsOfLife();
  /** Nodes whose pods have been taken out of service since the node was last ready. */
  readonly #outOfService = new Set<string>();
  /** When the next look at a node is due, in ms since 1970. */
  readonly #dueAt = new Map<string, number>();

  constructor(context: ControllerContext, { nodeMonitorGracePeriodMs }: NodeLifecycleOptions) {
    const { informers } = context;
    this.#context = context;
    this.#graceMs = nodeMonitorGracePeriodMs;
    this.#nodes = informers.informer(nodes);
    this.#pods = informers.informer(pods, { indexes: podIndexes });
    this.#writes = new OwnWrites(this.#nodes);
    const leaseInformer = informers.informer(leases, { namespace: leaseNamespace });
    this.#queue = startController(context, {
      name: 'node-lifecycle',
      after: [this.#nodes, this.#pods, leaseInformer],
      reconcile: (name) => this.#reconcile(name),
    });
    this.#nodes.onChange((change) => this.#nodeChanged(change));
    leaseInformer.onChange(({ type, object: { metadata, spec } }) => {
      if (type !== 'deleted') this.#signs.note(metadata.name ?? '', 'lease', spec?.renewTime, this.#nowMs());
    });
  }

  #nowMs(): number {
    return this.#context.now().getTime();
  }

  #nodeChanged({ type, object, previous }: Change<Node>): void {
    const name = keyOf(object);
    if (type === 'deleted') {
      this.#signs.forget(name);
      this.#outOfService.delete(name);
      this.#dueAt.delete(name);
      return;
    }
    // Our own word about a silent node keeps its heartbeat time, and so is no sign of its life.
    const heartbeat = findCondition(object.status?.conditions, 'Ready')?.lastHeartbeatTime;
    this.#signs.note(name, 'status', heartbeat, this.#nowMs());
    const hasTurned = previous === undefined || readyStatus(object) !== readyStatus(previous);
    if (hasTurned || changedTaints(object, this.#context.now()) !== undefined) this.#queue.add(name);
  }

  async #reconcile(name: string): Promise<void | { requeueAfterMs: number }> {
    let node = this.#writes.get(name);
    if (node === undefined) return;
    const patience = this.#patienceMs(node);
    const planned = this.#dueAt.get(name);
    this.#dueAt.delete(name);
    if (patience <= 0) {
      if (planned !== undefined && this.#nowMs() - planned > lateMs) return { requeueAfterMs: lateMs / 2 };
      node = await this.#tellUnknown(node);
    }
    await this.#taint(node);
    await this.#serve(node);
    if (patience <= 0) return;
    this.#dueAt.set(name, this.#nowMs() + patience);
    return { requeueAfterMs: patience + 1 };
  }

  /** Milliseconds of silence left; 0 or less: too long. */
  #patienceMs(node: Node): number {
    const grace = readyStatus(node) === undefined ? startupGraceMs : this.#graceMs;
    return (this.#signs.last(keyOf(node)) ?? 0) + grace - this.#nowMs();
  }

  async #tellUnknown(node: Node): Promise<Node> {
    const conditions = silentConditions(node, this.#context.now());
    if (conditions === node.status?.conditions) return node;
    const status = { ...node.status, conditions: [...conditions] };
    const written = await this.#context.client.update(nodes, { ...node, status }, 'status');
    this.#writes.wrote('', written);
    const message = `Node ${keyOf(node)} status is now: NodeNotReady`;
    this.#context.events.event(withKind(nodes, node), 'Normal', 'NodeNotReady', message);
    return written;
  }

  /** Kubelets and others write the same object at the same time: after a lost race the server's copy is taken at once. */
  async #taint(node: Node): Promise<void> {
    const { client, now } = this.#context;
    let current = node;
    for (let taints = changedTaints(current, now()); taints !== undefined; taints = changedTaints(current, now())) {
      const { name = '', uid, resourceVersion } = current.metadata;
      const patch = { metadata: { uid, resourceVersion }, spec: { taints: taints.length === 0 ? null : taints } };
      try {
        current = await client.patch(nodes, { name }, patch, { type: 'merge' });
        this.#writes.wrote('', current);
        return;
      } catch (error) {
        if (!isConflict(error)) throw error;
        current = await client.get(nodes, { name });
      }
    }
  }

  /** Once each time the node turns: what its kubelet says later about its pods stands. */
  async #serve(node: Node): Promise<void> {
    const name = keyOf(node);
    const ready = readyStatus(node);
    if (ready === 'True') this.#outOfService.delete(name);
    if (ready === 'True' || ready === undefined || this.#outOfService.has(name)) return;
    await Promise.all(this.#pods.byIndex('node', name).map((pod) => this.#takeOutOfService(pod)));
    this.#outOfService.add(name);
  }

  /** Its endpoints leave the Services; the kubelet tells the truth again when it is back. */
  async #takeOutOfService(pod: Pod): Promise<void> {
    const condition = findCondition(pod.status?.conditions, 'Ready');
    if (condition?.status !== 'True') return;
    const { namespace, name = '', uid } = pod.metadata;
    const notReady = { ...condition, status: 'False', lastTransitionTime: formatTime(this.#context.now()) };
    const patch = { metadata: { uid }, status: { conditions: [notReady] } };
    const options = { type: 'strategic', subresource: 'status' } as const;
    try {
      await this.#context.client.patch(pods, { namespace, name }, patch, options);
      this.#context.events.event(withKind(pods, pod), 'Warning', 'NodeNotReady', 'Node is not ready');
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}

/** Starts the controller; it ends with the context's signal. */
export function startNodeLifecycleController(context: ControllerContext, options: NodeLifecycleOptions): void {
  new NodeLifecycle(context, options);
}
