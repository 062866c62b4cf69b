/** A queue of keys with one worker function: the heart of every controller. */
import { isConflict } from './errors.ts';
import type { Logger } from './logger.ts';

export interface WorkQueueOptions {
  /** For logs. */
  readonly name: string;
  /** Works on one key. May ask to be called again later. A rejection means: again, with back-off. */
  readonly reconcile: (key: string) => Promise<void | { requeueAfterMs: number }>;
  /** Keys worked on at the same time. Default 1. */
  readonly concurrency?: number;
  readonly logger: Logger;
  /** Ends the queue: nothing new is started; what runs, runs out. */
  readonly signal: AbortSignal;
}

export interface WorkQueue {
  /** Asks for a run. Asked again before it started: one run. Asked while it runs: one more run afterwards. */
  add(key: string): void;
  /** Asks for a run in so many milliseconds; of several pending asks the earliest counts. */
  addAfter(key: string, ms: number): void;
  /** Keys waiting to be started now. */
  readonly length: number;
}

const firstBackoffMs = 5;
const maxBackoffMs = 60_000;

/** How long to wait after the `failures`th failure in a row: 5 ms, doubling, up to 60 s. */
export function backoffMs(failures: number): number {
  return Math.min(maxBackoffMs, firstBackoffMs * 2 ** Math.min(failures - 1, 20));
}

class KeyQueue implements WorkQueue {
  readonly #options: WorkQueueOptions;
  readonly #logger: Logger;
  readonly #waiting = new Set<string>();
  readonly #running = new Set<string>();
  /** Asked for while it ran. */
  readonly #again = new Set<string>();
  readonly #failures = new Map<string, number>();
  readonly #later = new Map<string, { at: number; timer: NodeJS.Timeout }>();

  constructor(options: WorkQueueOptions) {
    this.#options = options;
    this.#logger = options.logger.with({ queue: options.name });
    options.signal.addEventListener('abort', () => this.#stop(), { once: true });
  }

  get length(): number {
    return this.#waiting.size;
  }

  add(key: string): void {
    if (this.#options.signal.aborted) return;
    if (this.#running.has(key)) {
      this.#again.add(key);
      return;
    }
    this.#waiting.add(key);
    this.#startMore();
  }

  addAfter(key: string, ms: number): void {
    if (this.#options.signal.aborted) return;
    const at = Date.now() + ms;
    const pending = this.#later.get(key);
    if (pending !== undefined && pending.at <= at) return;
    clearTimeout(pending?.timer);
    const fire = (): void => {
      this.#later.delete(key);
      this.add(key);
    };
    this.#later.set(key, { at, timer: setTimeout(fire, ms) });
  }

  /** A run starts in a microtask of its own, so that `add` never runs the worker inside its caller. */
  #startMore(): void {
    const { concurrency = 1, signal } = this.#options;
    for (const key of this.#waiting) {
      if (this.#running.size >= concurrency || signal.aborted) return;
      this.#waiting.delete(key);
      this.#running.add(key);
      void Promise.resolve(key).then((next) => this.#run(next));
    }
  }

  async #run(key: string): Promise<void> {
    try {
      const result = await this.#options.reconcile(key);
      this.#failures.delete(key);
      if (result !== undefined) this.addAfter(key, result.requeueAfterMs);
    } catch (error) {
      if (!this.#options.signal.aborted) this.#failed(key, error);
    } finally {
      this.#running.delete(key);
      if (this.#again.delete(key)) this.add(key);
      else this.#startMore();
    }
  }

  #failed(key: string, error: unknown): void {
    const count = (this.#failures.get(key) ?? 0) + 1;
    this.#failures.set(key, count);
    const retryInMs = backoffMs(count);
    // A lost race is ordinary: whoever won wrote something newer, and the next run reads it.
    if (isConflict(error)) this.#logger.info('will retry after a conflict', { key, retryInMs });
    else this.#logger.error('reconcile failed', { key, error, failures: count, retryInMs });
    this.addAfter(key, retryInMs);
  }

  #stop(): void {
    for (const { timer } of this.#later.values()) clearTimeout(timer);
    this.#later.clear();
    this.#waiting.clear();
  }
}

/** The same key never runs twice at once; different keys run side by side up to `concurrency`. */
export function createWorkQueue(options: WorkQueueOptions): WorkQueue {
  return new KeyQueue(options);
}
