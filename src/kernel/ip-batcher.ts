/** Lines of many callers in one `ip -batch`: what arrives while a batch runs goes together in the next. */
import type { Exec } from './exec.ts';
import { runIpBatch, type BatchFailure } from './ip.ts';

export interface IpBatcher {
  /** Carries out the lines in order; the failures among them come back. Rejects when `ip` could not run. */
  run(lines: readonly string[]): Promise<readonly BatchFailure[]>;
}

interface Job {
  readonly lines: readonly string[];
  readonly resolve: (failures: readonly BatchFailure[]) => void;
  readonly reject: (error: unknown) => void;
}

/** Lines in one batch at most, so that nobody waits long behind others. */
const maxLines = 400;

export function createIpBatcher(exec: Exec): IpBatcher {
  let queue: Job[] = [];
  let running = false;

  const takeJobs = (): Job[] => {
    let lines = 0;
    const until = queue.findIndex((job, index) => (lines += job.lines.length) > maxLines && index > 0);
    return queue.splice(0, until < 0 ? queue.length : until);
  };
  const drain = async (): Promise<void> => {
    running = true;
    while (queue.length > 0) {
      const jobs = takeJobs();
      try {
        const failures = await runIpBatch(
          exec,
          jobs.flatMap((job) => job.lines),
        );
        let first = 0;
        for (const { lines, resolve } of jobs) {
          const end = first + lines.length;
          resolve(failures.filter(({ index }) => index >= first && index < end));
          first = end;
        }
      } catch (error) {
        for (const { reject } of jobs) reject(error);
      }
    }
    running = false;
  };
  return {
    run: (lines) =>
      new Promise((resolve, reject) => {
        queue = [...queue, { lines, resolve, reject }];
        // In the next turn, so that callers of this turn share the batch.
        if (!running) {
          running = true;
          setImmediate(() => void drain());
        }
      }),
  };
}
