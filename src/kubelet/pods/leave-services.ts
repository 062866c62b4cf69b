/** A pod leaves its Services before it is told to stop: on this node by the proxy's word, on the others by a short drain. */
import type { Informer, InformerOptions } from '../../api/informer.ts';
import type { Logger } from '../../api/logger.ts';
import type { EndpointSlice, Pod } from '../../api/types.gen.ts';

/** The proxy of this node, in the same process. */
export interface OwnRules {
  /** Resolves when this node's rules no longer lead to the pod; may stay open. */
  endpointGone(podUid: string): Promise<void>;
}

export interface ServiceExit {
  /**
   * Undefined when no EndpointSlice tells of the pod: nothing to wait for. Otherwise resolves when new connections no longer
   * come to it, after `limitMs` at the latest. Never rejects.
   */
  leave(pod: Pod, limitMs: number): Promise<void> | undefined;
}

export interface ServiceExitOptions {
  /** Needs {@link podIndex} of this node. */
  readonly slices: Informer<EndpointSlice>;
  readonly nodeName: string;
  /** Undefined: another program serves this node's Services, and the drain is all there is. */
  readonly ownRules: OwnRules | undefined;
  /** How long other nodes have, at least, from the moment at which this one has seen the pod leave. */
  readonly drainMs: number;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** However long the grace: an endpoint controller that does not answer holds nobody up for more than this. */
export const longestLeaveMs = 2_000;

/**
 * The other nodes write the same tables as this one: where commits are slow, each gets this many times what one took here, the slowest of
 * the last half minute. One alone says little: on a crowded machine the next takes 80 ms here and 700 ms there.
 */
const ownCommits = 3;
const rememberedMs = 30_000;
/** But no more than so many times the drain that was asked for. */
const longestDrain = 8;

type Endpoint = NonNullable<EndpointSlice['endpoints']>[number];

const uidOf = ({ targetRef }: Endpoint): string => targetRef?.uid ?? '';

function endpointsHere(slice: EndpointSlice | undefined, nodeName: string): Endpoint[] {
  return (slice?.endpoints ?? []).filter((endpoint) => endpoint.nodeName === nodeName && uidOf(endpoint) !== '');
}

/** Slices by the UIDs of this node's pods in them. */
export function podIndex(nodeName: string): Required<Pick<InformerOptions<EndpointSlice>, 'indexes'>> {
  return { indexes: { pod: (slice) => endpointsHere(slice, nodeName).map(uidOf) } };
}

function isChosen({ conditions }: Endpoint): boolean {
  return conditions?.ready !== false && conditions?.terminating !== true;
}

class Exits implements ServiceExit {
  readonly #options: ServiceExitOptions;
  /** When it was first seen that no slice wants connections for the pod any more. */
  readonly #leftAtMs = new Map<string, number>();
  readonly #waiting = new Map<string, Set<() => void>>();
  /** How long commits took that pods waited for. */
  #commits: readonly { readonly atMs: number; readonly ms: number }[] = [];

  constructor(options: ServiceExitOptions) {
    this.#options = options;
    const { slices, nodeName, signal } = options;
    const stop = slices.onChange(({ object, previous }) => {
      const uids = [...endpointsHere(object, nodeName), ...endpointsHere(previous, nodeName)].map(uidOf);
      for (const uid of new Set(uids)) this.#follow(uid);
    });
    signal.addEventListener('abort', stop, { once: true });
  }

  leave(pod: Pod, limitMs: number): Promise<void> | undefined {
    const uid = pod.metadata.uid ?? '';
    if (this.#options.slices.byIndex('pod', uid).length === 0) return undefined;
    return this.#leave(pod, uid, limitMs);
  }

  async #leave({ metadata }: Pod, uid: string, limitMs: number): Promise<void> {
    const { ownRules, drainMs, logger, signal } = this.#options;
    const began = performance.now();
    const since = (): number => Math.round(performance.now() - began);
    const times: { ownRulesMs?: number; seenMs?: number } = {};
    const own = ownRules?.endpointGone(uid).then(() => (times.ownRulesMs = since()));
    const over = new AbortController();
    const others = drainMs <= 0 ? undefined : this.#drained(uid, own, () => (times.seenMs = since()), over.signal);
    await Promise.race([Promise.all([own, others]), after(limitMs, AbortSignal.any([over.signal, signal]))]);
    over.abort();
    const { namespace, name } = metadata;
    logger.info('left its Services', { pod: `${namespace ?? ''}/${name ?? ''}`, ms: since(), ...times });
  }

  /** Resolves when the drain is over; its clock starts when the slices say that the pod leaves. */
  async #drained(
    uid: string,
    own: Promise<number> | undefined,
    onSeen: () => void,
    signal: AbortSignal,
  ): Promise<void> {
    const { drainMs } = this.#options;
    const leftAtMs = this.#leftAtMs.get(uid) ?? (await this.#left(uid, signal));
    onSeen();
    const slowestMs = this.#slowest((await own) ?? 0);
    const ms = Math.min(Math.max(drainMs, ownCommits * slowestMs), longestDrain * drainMs);
    await after(leftAtMs + ms - performance.now(), signal);
  }

  #slowest(ms: number): number {
    const atMs = performance.now();
    this.#commits = [...this.#commits.filter((one) => one.atMs > atMs - rememberedMs), { atMs, ms }];
    return Math.max(...this.#commits.map((one) => one.ms));
  }

  #left(uid: string, signal: AbortSignal): Promise<number> {
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(uid) ?? new Set();
      this.#waiting.set(uid, waiting);
      const done = (): void => {
        waiting.delete(done);
        if (waiting.size === 0) this.#waiting.delete(uid);
        resolve(performance.now());
      };
      waiting.add(done);
      signal.addEventListener('abort', done, { once: true });
    });
  }

  #follow(uid: string): void {
    const { slices, nodeName } = this.#options;
    const all = slices.byIndex('pod', uid).flatMap((slice) => endpointsHere(slice, nodeName));
    const mine = all.filter((endpoint) => uidOf(endpoint) === uid);
    if (mine.some(isChosen)) this.#leftAtMs.delete(uid);
    else {
      if (mine.length === 0) this.#leftAtMs.delete(uid);
      else if (!this.#leftAtMs.has(uid)) this.#leftAtMs.set(uid, performance.now());
      for (const done of this.#waiting.get(uid) ?? []) done();
    }
  }
}

/** Resolves after so many ms, or as the signal fires. */
function after(ms: number, signal: AbortSignal): Promise<void> {
  if (ms <= 0 || signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end, { once: true });
  });
}

/** Follows the slices from now on: make it before the first pod ends. */
export function createServiceExit(options: ServiceExitOptions): ServiceExit {
  return new Exits(options);
}
