/** One worker a pod: what changes in the API or in the runtime wakes it; pods do not wait for each other. */
import type { ApiClient } from '../../api/client.ts';
import { isConflict, isNotFound } from '../../api/errors.ts';
import type { Change, Informer } from '../../api/informer.ts';
import { isMirrorPod } from '../../api/pod-references.ts';
import { pods } from '../../api/resources.ts';
import type { Pod } from '../../api/types.gen.ts';
import { createWorkQueue, type WorkQueue } from '../../api/work-queue.ts';
import type { PodSandboxStatus } from '../../runtime/contract.ts';
import { createProber } from '../probes/prober.ts';
import { rejectionOf, type Rejection } from './admission.ts';
import { deadlineExceeded, msToDeadline } from './active-deadline.ts';
import { beginEnd, endPod } from './end-pod.ts';
import { ignoredFields } from './ignored-fields.ts';
import { createPodWork, type PodDeps, type PodWork } from './pod-work.ts';
import { currentPod, look } from './publish.ts';
import { isStaticSandbox } from './sandbox-config.ts';
import { StaticWorks, type StaticSources } from './static-works.ts';
import { syncPod } from './sync-pod.ts';

export interface PodWorkers {
  /** The pods given to this node that are not over. */
  active(): readonly Pod[];
  /** The static pods, with their status, until nothing of them is left. */
  statics(): readonly Pod[];
  /** Begins with the static pods, API or not. */
  startStatics(): Promise<void>;
  /** Resolves once the pods of the API are known and what the node holds beyond them is being taken away. */
  start(): Promise<void>;
  /** Looks at every pod soon. */
  wakeAll(): void;
  /** Ends a pod as Failed for this reason, with little grace: it does harm. */
  evict(pod: Pod, why: Rejection): void;
}

export interface PodWorkersOptions {
  readonly client: ApiClient;
  /** Pods of this node. */
  readonly informer: Informer<Pod>;
  readonly statics?: StaticSources;
  readonly deps: Omit<PodDeps, 'prober' | 'mirrors' | 'wake' | 'otherPods' | 'deleteFromApi'>;
  readonly signal: AbortSignal;
}

/** Pods worked on at the same time; what one of them waits for does not hold up the others. */
const concurrency = 128;
/** What events did not tell (a missed one, a ConfigMap's new text) is found this often. */
const auditMs = 60_000;

/** As upstream's, of pods beyond their limits. */
const evictionGraceMs = 1_000;

function isOver(pod: Pod): boolean {
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
}

class Workers implements PodWorkers {
  readonly #options: PodWorkersOptions;
  readonly #deps: PodDeps;
  readonly #queue: WorkQueue;
  readonly #works = new Map<string, PodWork>();
  readonly #statics: StaticWorks;
  readonly #evictions = new WeakMap<PodWork, Rejection>();

  constructor(options: PodWorkersOptions) {
    this.#options = options;
    const { signal, deps } = options;
    this.#statics = new StaticWorks({
      ...options,
      sources: options.statics,
      works: this.#works,
      wake: (uid) => this.#queue.add(uid),
      adoptOrphan: (sandbox) => this.#adoptOrphan(sandbox),
    });
    this.#deps = {
      ...deps,
      prober: createProber({
        runtime: deps.runtime,
        events: deps.events,
        nodeIP: deps.nodeIPs[0] ?? '',
        onChange: (uid) => this.#wake(uid),
      }),
      mirrors: this.#statics.mirrors,
      wake: (uid) => this.#wake(uid),
      otherPods: (uid) =>
        this.active().filter(
          (pod) => pod.metadata.uid !== uid && this.#works.get(pod.metadata.uid ?? '')?.admitted === true,
        ),
      deleteFromApi: (pod) => this.#deleteFromApi(pod),
    };
    this.#queue = createWorkQueue({
      name: 'pods',
      reconcile: (uid) => this.#run(uid),
      concurrency,
      logger: deps.logger,
      signal,
    });
  }

  async startStatics(): Promise<void> {
    const { deps, signal } = this.#options;
    deps.runtime.onEvent(({ podUid }) => this.#wake(podUid));
    const audit = setInterval(() => void this.#audit(), auditMs);
    const end = (): void => {
      clearInterval(audit);
      this.#deps.prober.close();
    };
    signal.addEventListener('abort', end, { once: true });
    await this.#statics.start();
  }

  async start(): Promise<void> {
    const { informer, deps, signal } = this.#options;
    await Promise.race([
      informer.synced,
      new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true })),
    ]);
    if (signal.aborted) return;
    informer.onChange((change) => this.#onChange(change));
    const uids = new Set(informer.list().map(({ metadata }) => metadata.uid));
    for (const sandbox of await deps.runtime.listPodSandboxes()) {
      if (!uids.has(sandbox.pod.uid)) this.#adoptOrphan(sandbox);
    }
    this.#deps.mirrors?.start();
  }

  statics(): readonly Pod[] {
    return this.#statics.list().map((work) => currentPod(work, this.#deps));
  }

  active(): readonly Pod[] {
    return [...this.#works.values()]
      .filter(({ pod, ending }) => ending?.done !== true && !isOver(pod))
      .map(({ pod }) => pod);
  }

  #wake(uid: string): void {
    if (this.#works.has(uid)) this.#queue.add(uid);
  }

  wakeAll(): void {
    for (const uid of this.#works.keys()) this.#queue.add(uid);
  }

  evict({ metadata: { uid = '' } }: Pod, why: Rejection): void {
    const work = this.#works.get(uid);
    if (work === undefined || work.ending !== undefined) return;
    this.#evictions.set(work, why);
    this.#queue.add(uid);
  }

  #onChange({ type, object, previous }: Change<Pod>): void {
    const uid = object.metadata.uid ?? '';
    const oldUid = previous?.metadata.uid;
    if (oldUid !== undefined && oldUid !== uid) this.#gone(oldUid);
    if (isMirrorPod(object)) return;
    if (type === 'deleted') {
      const work = this.#works.get(uid);
      if (work !== undefined) work.pod = object;
      this.#gone(uid);
      return;
    }
    const work = this.#works.get(uid);
    if (work === undefined) this.#works.set(uid, createPodWork(object));
    else work.pod = object;
    this.#queue.add(uid);
  }

  #gone(uid: string): void {
    const work = this.#works.get(uid);
    if (work === undefined) return;
    work.goneFromApi = true;
    this.#deps.statuses.forget(uid);
    this.#queue.add(uid);
  }

  /** A sandbox whose pod went away while nobody looked: it is ended with what is known of it. */
  #adoptOrphan({ pod: { namespace, name, uid }, annotations }: PodSandboxStatus): void {
    if (this.#works.has(uid)) return;
    const work = createPodWork({ metadata: { namespace, name, uid } }, isStaticSandbox({ annotations }));
    work.goneFromApi = true;
    this.#works.set(uid, work);
    this.#queue.add(uid);
  }

  async #run(uid: string): Promise<void | { requeueAfterMs: number }> {
    const work = this.#works.get(uid);
    if (work === undefined || this.#statics.mustWait(work)) return;
    await this.#admit(work);
    this.#decideEnd(work);
    if (work.ending === undefined) {
      const outcome = await syncPod(work, this.#deps);
      if (outcome !== 'finished')
        return outcome === 'idle' ? this.#deadline(work) : { requeueAfterMs: outcome.wakeInMs };
      beginEnd(work, 'finished');
    }
    const { ending } = work;
    if (ending === undefined || ending.done) return;
    if (!(await endPod(work, this.#deps, ending))) return;
    this.#works.delete(uid);
    if (work.isStatic) this.#statics.gone(work);
  }

  async #admit(work: PodWork): Promise<void> {
    if (work.admitted || work.ending !== undefined) return;
    const { pod } = work;
    if (work.goneFromApi || pod.metadata.deletionTimestamp !== undefined || work.settledBefore) return;
    const view = await look(work, this.#deps);
    // Checked and taken in one go: nothing may wait between the two lines.
    const rejection =
      view.sandboxes.length > 0 ? undefined : rejectionOf(pod, this.#deps.otherPods(work.uid), this.#deps.maxPods);
    if (rejection === undefined) {
      work.admitted = true;
      if (view.sandboxes.length === 0) this.#tellIgnored(pod);
      return;
    }
    this.#deps.events.warning(pod, rejection.reason, rejection.message);
    beginEnd(work, 'finished', rejection);
  }

  /** Once, as the pod begins: it runs without what it asked for. */
  #tellIgnored(pod: Pod): void {
    const fields = ignoredFields(pod);
    if (fields.length === 0) return;
    const message = `not supported by this node, and without effect: ${fields.join(', ')}`;
    this.#deps.events.warning(pod, 'FieldIgnored', message);
  }

  #decideEnd(work: PodWork): void {
    if (work.goneFromApi) beginEnd(work, 'gone');
    else if (work.pod.metadata.deletionTimestamp !== undefined) beginEnd(work, 'deleted');
    else if (work.settledBefore && work.ending === undefined) beginEnd(work, 'finished');
    else if (work.ending === undefined && this.#evictions.has(work)) this.#beginEviction(work);
    else if (work.ending === undefined && (msToDeadline(currentPod(work, this.#deps), Date.now()) ?? 1) <= 0)
      beginEnd(work, 'finished', deadlineExceeded);
  }

  #beginEviction(work: PodWork): void {
    const why = this.#evictions.get(work);
    if (why === undefined) return;
    this.#deps.events.warning(work.pod, why.reason, why.message);
    const ending = beginEnd(work, 'finished', why);
    ending.deadlineMs = Math.min(ending.deadlineMs, Date.now() + evictionGraceMs);
  }

  #deadline(work: PodWork): void | { requeueAfterMs: number } {
    const ms = msToDeadline(currentPod(work, this.#deps), Date.now());
    if (ms !== undefined) return { requeueAfterMs: Math.max(1, ms) };
  }

  async #deleteFromApi(pod: Pod): Promise<void> {
    const { namespace, name = '', uid } = pod.metadata;
    try {
      const preconditions = uid === undefined ? {} : { preconditions: { uid } };
      await this.#options.client.delete(pods, { namespace, name }, { gracePeriodSeconds: 0, ...preconditions });
    } catch (error) {
      // Gone already, or another pod of the same name by now.
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
  }

  async #audit(): Promise<void> {
    const { volumes, logger } = this.#deps;
    for (const work of this.#works.values()) {
      if (work.ending !== undefined || work.volumes === undefined || !volumes.follows(work.pod)) continue;
      await volumes.prepare(work.pod).catch((error: unknown) => {
        logger.warn('volumes could not be brought up to date', { pod: work.pod.metadata.name, error: String(error) });
      });
    }
    this.wakeAll();
  }
}

/** Does nothing before `start`. */
export function createPodWorkers(options: PodWorkersOptions): PodWorkers {
  return new Workers(options);
}
