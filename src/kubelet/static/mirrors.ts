/** Keeps a mirror in the API for each static pod, and brings its status there. */
import type { ApiClient } from '../../api/client.ts';
import { isConflict, isNotFound } from '../../api/errors.ts';
import { keyOf, type Informer } from '../../api/informer.ts';
import type { Logger } from '../../api/logger.ts';
import { isMirrorPod } from '../../api/pod-references.ts';
import { pods } from '../../api/resources.ts';
import type { Node, Pod, PodStatus } from '../../api/types.gen.ts';
import { createWorkQueue, type WorkQueue } from '../../api/work-queue.ts';
import type { StatusManager, Urgency } from '../status/status-manager.ts';
import { isMirrorOf, planMirror } from './plan-mirror.ts';

export interface Mirrors {
  /** The mirror of just this pod, if it is there. */
  find(pod: Pod): Pod | undefined;
  /** Writes the static pod's status into its mirror; nothing when there is none. */
  tell(pod: Pod, status: PodStatus, urgency: Urgency): void;
  /** The static pods of this name changed: `NAMESPACE/NAME`. */
  wake(key: string): void;
  /** Follows the API once it is known. Mirrors without a pod go from then on. */
  start(): void;
}

export interface MirrorsOptions {
  readonly client: ApiClient;
  /** Pods of this node. */
  readonly informer: Informer<Pod>;
  readonly statuses: StatusManager;
  /** Static pods of that name: what its file says now, and one that is still being ended. */
  readonly pods: (key: string) => { readonly wanted: Pod | undefined; readonly ending: Pod | undefined };
  /** The names of all static pods. */
  readonly keys: () => readonly string[];
  readonly nodes: Informer<Node>;
  readonly nodeName: string;
  /** A mirror came: its status is to be told. */
  readonly onMirror: (key: string) => void;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

const concurrency = 8;

class MirrorKeeper implements Mirrors {
  readonly #options: MirrorsOptions;
  readonly #queue: WorkQueue;
  #started = false;

  constructor(options: MirrorsOptions) {
    this.#options = options;
    const { logger, signal } = options;
    const reconcile = (key: string): Promise<void> => this.#reconcile(key);
    this.#queue = createWorkQueue({ name: 'mirror pods', reconcile, concurrency, logger, signal });
  }

  find(pod: Pod): Pod | undefined {
    const mirror = this.#mirror(keyOf(pod));
    return mirror !== undefined && isMirrorOf(mirror, pod) ? mirror : undefined;
  }

  tell(pod: Pod, status: PodStatus, urgency: Urgency): void {
    const mirror = this.find(pod);
    if (mirror !== undefined) this.#options.statuses.set(mirror, status, urgency);
  }

  wake(key: string): void {
    if (this.#started) this.#queue.add(key);
  }

  start(): void {
    const { informer, nodes, nodeName, keys, statuses, onMirror, signal } = this.#options;
    this.#started = true;
    const stopNodes = nodes.onChange(({ object, previous }) => {
      if (object.metadata.name !== nodeName || object.metadata.uid === previous?.metadata.uid) return;
      for (const key of keys()) this.#queue.add(key);
    });
    const stopPods = informer.onChange(({ type, object, previous }) => {
      const isNew = type === 'added' || previous?.metadata.uid !== object.metadata.uid;
      if (type === 'deleted') statuses.forget(object.metadata.uid ?? '');
      if (isNew && previous !== undefined) statuses.forget(previous.metadata.uid ?? '');
      const key = keyOf(object);
      const { wanted, ending } = this.#options.pods(key);
      if (!isMirrorPod(object) && wanted === undefined && ending === undefined) return;
      this.#queue.add(key);
      if (isNew && type !== 'deleted') onMirror(key);
    });
    const stop = (): void => {
      stopNodes();
      stopPods();
    };
    signal.addEventListener('abort', stop, { once: true });
  }

  #mirror(key: string): Pod | undefined {
    const found = this.#options.informer.get(key);
    return found !== undefined && isMirrorPod(found) ? found : undefined;
  }

  async #reconcile(key: string): Promise<void> {
    const { client, nodes, nodeName, logger } = this.#options;
    const mirror = this.#mirror(key);
    const nodeUid = nodes.get(nodeName)?.metadata.uid;
    const plan = planMirror({ ...this.#options.pods(key), mirror, nodeUid });
    if (plan.kind === 'create') {
      // A pod of this name that is no mirror, or a mirror that the informer has not seen yet: again, with back-off.
      await client.create(pods, plan.pod);
      logger.info('a mirror pod is made', { pod: key });
    } else if (plan.kind === 'delete' && mirror !== undefined) {
      const { namespace, name = '', uid = '' } = mirror.metadata;
      const options = { gracePeriodSeconds: plan.graceSeconds, preconditions: { uid } };
      try {
        await client.delete(pods, { namespace, name }, options);
      } catch (error) {
        if (!isNotFound(error) && !isConflict(error)) throw error;
      }
      logger.info('a mirror pod is deleted', { pod: key, reason: plan.reason });
    }
  }
}

/** Nothing is written before `start`. */
export function createMirrors(options: MirrorsOptions): Mirrors {
  return new MirrorKeeper(options);
}
