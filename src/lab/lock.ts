/** One command at a time may change a lab. */
import type { Exec } from '../kernel/exec.ts';
import { lockFile, lockHolder, type FileLock } from '../kernel/file-lock.ts';
import { LabError } from './config.ts';
import { lockPath } from './places.ts';

const rangesLimitMs = 30_000;
/** Longer than any script of a lab runs. */
const scriptsLimitMs = 30_000;
const lookMs = 100;

/**
 * Runs `work` as the only one for this lab on this host. What it runs by the Exec that it is given holds the lock as well: of a command
 * that was killed the scripts go on, and who comes next waits for their end. Throws a LabError when another command is at work.
 */
export async function withLabLock<T>(lab: string, exec: Exec, work: (exec: Exec) => Promise<T>): Promise<T> {
  const path = lockPath(lab);
  const end = performance.now() + scriptsLimitMs;
  for (let waitMs = 0; ; waitMs = lookMs) {
    const lock = await lockFile(path, waitMs);
    if (lock !== undefined) return release(lock, () => work(lock.handOn(exec)));
    const holder = lockHolder(path);
    if (holder !== undefined)
      throw new LabError(`another podwire command (process ${holder.pid}) is working on lab ${lab}: wait for its end`);
    if (performance.now() > end)
      throw new LabError(
        `scripts of a command that was killed hold ${path}: see who has it open (fuser), and end that`,
      );
  }
}

/** As withLabLock, for what a new lab chooses among all labs of the host; waits for its turn, half a minute at most. */
export async function withRangesLock<T>(work: () => Promise<T>): Promise<T> {
  const lock = await lockFile(lockPath('.ranges'), rangesLimitMs);
  if (lock === undefined) throw new LabError('another podwire command is choosing address ranges: wait for it');
  return release(lock, work);
}

async function release<T>(lock: FileLock, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } finally {
    lock.release();
  }
}
