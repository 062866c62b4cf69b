/**
 * NetworkPolicies on this node: from the API's objects to the kernel. Nothing is followed but the policies themselves as long as
 * there are none.
 */
import type { EventRecorder } from '../../api/event-recorder.ts';
import { keyOf, type Informer, type InformerFactory } from '../../api/informer.ts';
import type { Registry } from '../../api/metrics-registry.ts';
import type { Logger } from '../../api/logger.ts';
import { namespaces, networkPolicies, pods } from '../../api/resources.ts';
import type { NetworkPolicy, Pod } from '../../api/types.gen.ts';
import { printChanges } from '../../kernel/change.ts';
import { createCommitLoop, everyInterval, type CommitLoop } from '../../kernel/commit-loop.ts';
import type { Exec } from '../../kernel/exec.ts';
import type { Family } from '../../kernel/family.ts';
import type { PolicyMode } from './back-end.ts';
import { createDropCounter } from './drop-metrics.ts';
import { createDropReader } from './drops.ts';
import { FamilyPolicies } from './family-policies.ts';
import { compilePolicy } from './model/compile.ts';
import { keepFacts, podFacts } from './model/facts.ts';
import type { LocalPod } from './model/keeper.ts';
import { choosePolicyMode, policyModes } from './modes.ts';

export type { LocalPod } from './model/keeper.ts';

export interface NetworkPoliciesOptions {
  readonly exec: Exec;
  readonly families: readonly Family[];
  /** The Service proxy's. Default `iptables`. */
  readonly proxyMode?: string;
  readonly informers: InformerFactory;
  readonly events: EventRecorder;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** Tells the node's owner. */
  readonly tell: (this: void, reason: string, message: string) => void;
  /** How often the kernel is read where it sends no word. Default 30 s. */
  readonly auditIntervalMs?: number;
  /** How often drops are read. Default 10 s. */
  readonly dropIntervalMs?: number;
  /** What was dropped is counted there. */
  readonly metrics?: Registry;
  /** How long a pod waits for its rules. Default 10 s. */
  readonly admitWithinMs?: number;
}

const defaultAuditIntervalMs = 30_000;
const defaultDropIntervalMs = 10_000;
const defaultAdmitWithinMs = 10_000;
/** A pod that the API does not know starts without it after so long: it may be the API server. */
const unknownWithinMs = 2_000;

/** The rules of a pod could not be written in time; nothing of the pod is up. */
export class PolicyNotInForceError extends Error {
  override readonly name = 'PolicyNotInForceError';
}

interface Waiting {
  readonly revision: number;
  resolve(): void;
}

/** False when it took longer. */
async function within(promise: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => (timer = setTimeout(() => resolve(false), ms)));
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}

type Options = NetworkPoliciesOptions & { readonly mode: PolicyMode };

/** Nothing happens before `start`. */
export async function createNetworkPolicies(options: NetworkPoliciesOptions): Promise<NetworkPolicies> {
  const mode = await choosePolicyMode(options.proxyMode ?? 'iptables', options.exec, options.families);
  return new NetworkPolicies({ ...options, mode });
}

export class NetworkPolicies {
  readonly #options: Options;
  readonly #logger: Logger;
  readonly #families: readonly FamilyPolicies[];
  readonly #policies: Informer<NetworkPolicy>;
  readonly #loop: CommitLoop;
  #pods: Informer<Pod> | undefined;
  /** Resolves when all that policies speak of is known. */
  #followed: Promise<unknown> | undefined;
  /** Counts what was asked for, and what of that the kernel has. */
  #revision = 0;
  #waiting: Waiting[] = [];
  /** Pods that were told by `admit`, by sandbox. */
  readonly #learned = new Map<string, string>();
  /** Pods and namespaces are in the tables: before that a table would open what is closed. */
  #isComplete = false;
  #turn: Promise<unknown> = Promise.resolve();
  #isCleanedUp = false;

  constructor(options: Options) {
    const { informers, signal } = options;
    this.#options = options;
    this.#logger = options.logger.with({ part: 'policy' });
    const shared = { ...options, logger: this.#logger };
    this.#families = options.families.map((family) => new FamilyPolicies({ ...shared, family }));
    this.#policies = informers.informer(networkPolicies);
    const commit = (): Promise<void> => this.#inTurn(() => this.#commit());
    this.#loop = createCommitLoop({ name: 'network policies', commit, logger: this.#logger, signal });
  }

  /** Begins to follow the cluster; `local` are pods that are there already, by their sandbox. Does not wait for the API. */
  start(local: ReadonlyMap<string, LocalPod>): void {
    const { signal } = this.#options;
    for (const [id, pod] of local) this.#setLocal(id, pod);
    void this.#policies.synced.then(() => (signal.aborted ? undefined : this.#follow()));
    everyInterval(this.#options.auditIntervalMs ?? defaultAuditIntervalMs, signal, () => this.#audit());
    this.#watchDrops();
  }

  /**
   * Resolves when what policies say of this pod is in the kernel. `known`: the Pod as the API has it; undefined for one that only
   * this node knows. Rejects with {@link PolicyNotInForceError} when that takes too long: the pod must not be let out then.
   */
  async admit(id: string, pod: LocalPod, known: Pod | undefined): Promise<void> {
    const limit = this.#options.admitWithinMs ?? defaultAdmitWithinMs;
    const isKnown = await within(this.#isFollowing(), known === undefined ? Math.min(limit, unknownWithinMs) : limit);
    if (!isKnown && known !== undefined)
      throw new PolicyNotInForceError(`${pod.key}: no NetworkPolicies are known yet, the API server has not answered`);
    if (!isKnown) this.#logger.warn('a pod starts before any NetworkPolicy is known', { pod: pod.key });
    if (known !== undefined) this.#learn(id, pod, known);
    this.#setLocal(id, pod);
    if (!isKnown || this.#pods === undefined) return;
    this.#changed({ urgent: true });
    if (!this.#families.some(({ keeper }) => keeper.isolates(id))) return;
    if (await within(this.#committed(), limit)) return;
    throw new PolicyNotInForceError(`${pod.key}: its NetworkPolicies could not be written within ${limit} ms`);
  }

  /** The list of all pods may be behind that of this node's, from which the kubelet knows the pod. */
  #learn(id: string, { key, uid }: LocalPod, known: Pod): void {
    const facts = podFacts(known);
    if (this.#pods === undefined || facts === undefined) return;
    for (const { keeper } of this.#families) if (!keeper.hasPod(key, uid)) keeper.setPod(key, facts);
    this.#learned.set(id, key);
  }

  /** Resolves when the kernel has all that is known now; never before the API has told. */
  async inForce(): Promise<void> {
    await this.#isFollowing();
    this.#changed({ urgent: true });
    await this.#committed();
  }

  /** The sandbox is gone. */
  leave(id: string): void {
    const learned = this.#learned.get(id);
    this.#learned.delete(id);
    for (const { keeper } of this.#families) {
      keeper.setLocal(id, undefined);
      // One that came and went between two lists of all pods would stay for ever.
      if (learned !== undefined && this.#pods?.get(learned) === undefined) keeper.setPod(learned, undefined);
    }
    if (this.#pods !== undefined) this.#changed({ urgent: false });
  }

  #setLocal(id: string, pod: LocalPod): void {
    for (const { keeper } of this.#families) keeper.setLocal(id, pod);
  }

  async #isFollowing(): Promise<void> {
    await this.#policies.synced;
    await this.#followed;
  }

  #follow(): void {
    const { signal } = this.#options;
    const stop = this.#policies.onChange(({ type, object }) => {
      const key = keyOf(object);
      const compiled = type === 'deleted' ? undefined : compilePolicy(object);
      for (const { keeper } of this.#families) keeper.setPolicy(key, compiled);
      this.#followed ??= this.#followCluster();
      this.#changed({ urgent: true });
    });
    signal.addEventListener('abort', stop, { once: true });
    // What an earlier agent left is brought up to date even where there is no policy any more.
    if (this.#followed === undefined) this.#changed({ urgent: false });
  }

  /** Pods and namespaces of the whole cluster: only where somebody asks about them. */
  async #followCluster(): Promise<void> {
    const { informers, signal } = this.#options;
    const ofPods = informers.informer(pods, { keep: keepFacts });
    const ofNamespaces = informers.informer(namespaces);
    this.#pods = ofPods;
    await Promise.all([ofPods.synced, ofNamespaces.synced]);
    if (signal.aborted) return;
    const stopPods = ofPods.onChange(({ type, object }) => {
      const facts = type === 'deleted' ? undefined : podFacts(object);
      for (const { keeper } of this.#families) keeper.setPod(keyOf(object), facts);
      this.#changed({ urgent: false });
    });
    const stopNamespaces = ofNamespaces.onChange(({ type, object }) => {
      const labels = type === 'deleted' ? undefined : (object.metadata.labels ?? {});
      for (const { keeper } of this.#families) keeper.setNamespace(object.metadata.name ?? '', labels);
      this.#changed({ urgent: false });
    });
    signal.addEventListener('abort', () => (stopPods(), stopNamespaces()), { once: true });
    for (const family of this.#families) family.watch(() => this.#audit());
    this.#isComplete = true;
    this.#changed({ urgent: true });
  }

  #changed(options: { readonly urgent: boolean }): void {
    this.#revision += 1;
    this.#loop.request(options);
  }

  /** Resolves when the kernel has everything that is known now. */
  #committed(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push({ revision: this.#revision, resolve });
    return promise;
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work, work);
    this.#turn = result.catch(() => undefined);
    return result;
  }

  async #commit(): Promise<void> {
    if (this.#followed !== undefined && !this.#isComplete) return;
    const revision = this.#revision;
    try {
      await Promise.all(this.#families.map((family) => family.commit()));
    } catch (error) {
      await this.#tellFailure(error);
      throw error;
    }
    const done = this.#waiting.filter((one) => one.revision <= revision);
    this.#waiting = this.#waiting.filter((one) => one.revision > revision);
    for (const one of done) one.resolve();
    if (!this.#isCleanedUp) await this.#cleanUpOther();
  }

  /** The loop tries again; what the machine lacks is not going to come by itself. */
  async #tellFailure(error: unknown): Promise<void> {
    const { exec, mode, families, tell } = this.#options;
    const lists = await Promise.all(families.map((family) => mode.missing(exec, family))).catch(() => []);
    const why = [...new Set(lists.flat())];
    const words = why.length > 0 ? why.join('; ') : String(error instanceof Error ? error.message : error);
    tell('NetworkPolicyNotInForce', `policies could not be written, pods that they isolate do not start: ${words}`);
  }

  /** Once the rules of this mode are in, those of the other go: no moment without. */
  async #cleanUpOther(): Promise<void> {
    const { exec, mode, families } = this.#options;
    this.#isCleanedUp = true;
    for (const other of policyModes.filter((one) => one !== mode)) {
      for (const family of families) {
        try {
          const changes = await other.cleanUp(exec, family);
          if (changes.length > 0) this.#logger.info('policies of another mode removed', { mode: other.name });
        } catch (error) {
          this.#logger.error('policies of another mode could not be removed', { mode: other.name, error });
        }
      }
    }
  }

  /** Puts back what somebody else changed. Never rejects. */
  async #audit(): Promise<void> {
    try {
      const lists = await this.#inTurn(() => Promise.all(this.#families.map((family) => family.audit())));
      const changes = lists.flat();
      if (changes.length === 0) return;
      const first = printChanges(changes).slice(0, 500);
      this.#options.tell('NetworkPolicyRepaired', `changed by somebody else and put right: ${first}`);
    } catch (error) {
      this.#logger.error('audit of the network policies failed', { error });
    }
  }

  #watchDrops(): void {
    const { signal, events, metrics, dropIntervalMs = defaultDropIntervalMs } = this.#options;
    const nameOf = (ip: string): string | undefined => {
      const found = this.#pods?.list().find(({ status }) => status?.podIPs?.some((one) => one.ip === ip));
      return found === undefined ? undefined : keyOf(found);
    };
    const counter = metrics === undefined ? undefined : createDropCounter(metrics);
    const readers = this.#families.map((family) => ({ family, reader: createDropReader(nameOf) }));
    everyInterval(dropIntervalMs, signal, async () => {
      try {
        for (const { family, reader } of readers) {
          if (!family.isIsolating) continue;
          const drops = await family.readDrops();
          counter?.count(family.version, family.table, drops);
          for (const { pod, message } of reader.read(family.table, drops)) {
            const metadata = this.#pods?.get(pod)?.metadata;
            const subject = { apiVersion: 'v1', kind: 'Pod' } as const;
            if (metadata !== undefined)
              events.event({ ...subject, metadata }, 'Warning', 'NetworkPolicyDropped', message);
          }
        }
      } catch (error) {
        this.#logger.warn('drops could not be read', { error });
      }
    });
  }
}
