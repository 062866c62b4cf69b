/** The scheduler: gives each pod a node. Event driven; the decision is pure (place.ts), the binding is written behind it. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiClient } from '../api/client.ts';
import { isNotFound } from '../api/errors.ts';
import type { EventRecorder } from '../api/event-recorder.ts';
import { keyOf, type Informer, type InformerFactory } from '../api/informer.ts';
import type { Logger } from '../api/logger.ts';
import { nodes, pods, services } from '../api/resources.ts';
import type { Node, Pod, Service } from '../api/types.gen.ts';
import { backoffMs } from '../api/work-queue.ts';
import { ClusterState } from './cluster-state.ts';
import type { Candidate } from './framework.ts';
import { mayHelp } from './helpful-changes.ts';
import { PendingPods } from './pending-pods.ts';
import { place } from './place.ts';
import { filters, scores } from './plugins/index.ts';
import { requestsOf } from './requests.ts';
import { bind, tellScheduled, tellUnschedulable } from './writes.ts';

export interface SchedulerOptions {
  readonly client: ApiClient;
  readonly informers: InformerFactory;
  readonly events: EventRecorder;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** 0 ≤ x < 1, decides between nodes that are equally good. */
  readonly random?: () => number;
}

const schedulerName = 'default-scheduler';
const serviceIndexes = { namespace: (service: Service): string[] => [service.metadata.namespace ?? ''] };

/** Pods that are ours to place. */
function isPending(pod: Pod): boolean {
  const { nodeName = '', schedulerName: wanted = schedulerName, schedulingGates = [] } = pod.spec ?? {};
  if (nodeName !== '' || pod.metadata.deletionTimestamp !== undefined) return false;
  const hasEnded = pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
  return wanted === schedulerName && schedulingGates.length === 0 && !hasEnded;
}

class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #logger: Logger;
  readonly #cluster = new ClusterState();
  readonly #pending = new PendingPods();
  readonly #failures = new Map<string, number>();
  readonly #nodes: Informer<Node>;
  readonly #pods: Informer<Pod>;
  readonly #services: Informer<Service>;
  #isReady = false;
  #isAwake = false;

  constructor(options: SchedulerOptions) {
    this.#options = options;
    this.#logger = options.logger.with({ component: 'scheduler' });
    this.#nodes = options.informers.informer(nodes);
    this.#pods = options.informers.informer(pods);
    this.#services = options.informers.informer(services, { indexes: serviceIndexes });
  }

  start(): void {
    this.#nodes.onChange(({ type, object, previous }) => this.#nodeChanged(type, object, previous));
    this.#pods.onChange(({ type, object }) => this.#podChanged(type, object));
    void Promise.all([this.#nodes.synced, this.#pods.synced, this.#services.synced]).then(() => {
      this.#isReady = true;
      this.#wake();
    });
  }

  #nodeChanged(type: string, node: Node, previous: Node | undefined): void {
    if (type === 'deleted') this.#cluster.removeNode(keyOf(node));
    else this.#cluster.setNode(node);
    if (type !== 'deleted' && mayHelp(node, previous) && this.#pending.retryAll()) this.#wake();
  }

  #podChanged(type: string, pod: Pod): void {
    const key = keyOf(pod);
    if (type !== 'deleted' && isPending(pod)) {
      if (this.#cluster.isPlaced(pod)) return;
      this.#pending.refresh(key, pod);
      this.#wake();
      return;
    }
    this.#pending.remove(key);
    this.#failures.delete(key);
    const gaveRoom = type === 'deleted' || pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
    if (!gaveRoom) this.#cluster.setPod(pod);
    else if (this.#cluster.removePod(pod) && this.#pending.retryAll()) this.#wake();
  }

  /** Works through the pods in one go, after all events that came with this one have been taken in. */
  #wake(): void {
    if (!this.#isReady || this.#isAwake || !this.#pending.hasActive) return;
    this.#isAwake = true;
    queueMicrotask(() => {
      this.#isAwake = false;
      if (this.#options.signal.aborted) return;
      for (let next = this.#pending.take(); next !== undefined; next = this.#pending.take()) {
        this.#schedule(next.key, next.pod);
      }
    });
  }

  #candidate(pod: Pod): Candidate {
    const labels = pod.metadata.labels ?? {};
    const selecting = this.#services.byIndex('namespace', pod.metadata.namespace ?? '').filter(({ spec }) => {
      const selector = Object.entries(spec?.selector ?? {});
      return selector.length > 0 && selector.every(([key, value]) => labels[key] === value);
    });
    return { pod, requests: requestsOf(pod), services: selecting };
  }

  #schedule(key: string, pod: Pod): void {
    const { random = Math.random } = this.#options;
    const placement = place(this.#candidate(pod), this.#cluster.nodes, { filters, scores }, random);
    if (placement.node === undefined) {
      this.#pending.setUnschedulable(key, pod);
      void tellUnschedulable(this.#options, pod, placement.message).catch((error: unknown) => {
        if (!isNotFound(error)) this.#logger.warn('a condition was not written', { key, error: String(error) });
      });
      return;
    }
    this.#cluster.assume(pod, placement.node.name);
    void this.#bind(key, pod, placement.node.name);
  }

  async #bind(key: string, pod: Pod, node: string): Promise<void> {
    try {
      await bind(this.#options.client, pod, node);
      this.#failures.delete(key);
      tellScheduled(this.#options.events, pod, node);
    } catch (error) {
      this.#cluster.removePod(pod);
      if (!isNotFound(error)) await this.#retryLater(key, error);
    }
  }

  async #retryLater(key: string, error: unknown): Promise<void> {
    const { signal } = this.#options;
    const failures = (this.#failures.get(key) ?? 0) + 1;
    this.#failures.set(key, failures);
    const retryInMs = backoffMs(failures);
    this.#logger.error('binding failed', { key, error, retryInMs });
    await sleep(retryInMs, undefined, { signal }).catch(() => undefined);
    const current = this.#pods.get(key);
    if (signal.aborted || current === undefined || !isPending(current) || this.#cluster.isPlaced(current)) return;
    this.#pending.add(key, current);
    this.#wake();
  }
}

/** Starts the scheduler and returns at once; it ends with the signal. */
export function startScheduler(options: SchedulerOptions): void {
  new Scheduler(options).start();
}
