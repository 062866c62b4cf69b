/** When to write to the kernel: at once for the first change, then together what came while the last commit ran. */
import type { Logger } from '../api/logger.ts';

export interface CommitLoopOptions {
  readonly name: string;
  /** Brings the kernel to what is wanted now. Never runs twice at a time. */
  readonly commit: () => Promise<void>;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

export interface CommitLoop {
  /** Something changed. Never waits, never throws. `urgent`: it does not wait for others to share its commit. */
  request(options?: { readonly urgent: boolean }): void;
  /** Resolves when every request made so far has been committed, or the signal has ended the loop. */
  settled(): Promise<void>;
}

const firstRetryMs = 100;
const lastRetryMs = 30_000;
/** A commit that takes longer than this does not hold the next one back any further. */
const longestPauseMs = 1_000;

/** A wait that can be cut short. */
function createPause(): { wait(ms: number): Promise<void>; end(): void } {
  let end = (): void => undefined;
  return {
    wait: (ms) =>
      new Promise((resolve) => {
        const timer = setTimeout(resolve, ms).unref();
        end = () => (clearTimeout(timer), resolve());
      }),
    end: () => end(),
  };
}

/**
 * A change that finds the loop idle is committed in the same turn of the event loop. After a commit that took T the next
 * waits T: a slow table gathers more changes into one commit, a quick one never waits noticeably; there is no knob. An
 * urgent change ends that wait. A commit that fails is tried again with a growing pause, urgent or not.
 */
export function createCommitLoop({ name, commit, logger, signal }: CommitLoopOptions): CommitLoop {
  let dirty = false;
  /** A commit or the pause after it is under way. */
  let running = false;
  let committing = false;
  let urgent = false;
  const pauseAfter = createPause();
  let failures = 0;
  let waiting: (() => void)[] = [];
  const done = (): void => {
    for (const resolve of waiting) resolve();
    waiting = [];
  };
  const schedule = (): void => {
    running = true;
    setImmediate(() => void turn());
  };
  const turn = async (): Promise<void> => {
    if (signal.aborted) return done();
    dirty = false;
    urgent = false;
    committing = true;
    const started = performance.now();
    let pause: number;
    try {
      await commit();
      failures = 0;
      pause = Math.min(performance.now() - started, longestPauseMs);
    } catch (error) {
      dirty = true;
      pause = Math.min(firstRetryMs * 2 ** failures, lastRetryMs);
      failures += 1;
      logger.error(`${name}: commit failed, will try again`, { error, afterMs: pause });
    }
    committing = false;
    if (!dirty) done();
    if (!urgent || failures > 0) await pauseAfter.wait(pause);
    running = false;
    if (dirty) schedule();
  };
  signal.addEventListener('abort', done, { once: true });
  return {
    request: (options) => {
      if (signal.aborted) return;
      dirty = true;
      if (options?.urgent === true) {
        urgent = true;
        if (failures === 0) pauseAfter.end();
      }
      if (!running) schedule();
    },
    settled: () => (dirty || committing ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve()),
  };
}

/** Runs `work` (which must not reject) every interval until the signal; never twice at a time. */
export function everyInterval(intervalMs: number, signal: AbortSignal, work: () => Promise<void>): void {
  let timer: NodeJS.Timeout;
  const next = (): void => {
    timer = setTimeout(() => void work().finally(() => (signal.aborted ? undefined : next())), intervalMs);
    timer.unref();
  };
  next();
  signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
}
