/** flock(2) on a file: the kernel gives it back when the last process that has the descriptor ends, however that happens. */
import { closeSync, constants, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Exec } from './exec.ts';
import { identify, isAlive, type ProcessIdentity } from './processes.ts';
import { runProcess } from './run-process.ts';

/** A pid of at most 7 digits, a start time of at most 20. */
const recordBytes = 32;

export interface FileLock {
  release(): void;
  /** As `exec`, but what it runs has the lock too: a program that outlives us keeps it until it ends. Not for a runner's. */
  handOn(exec: Exec): Exec;
}

/**
 * Takes the lock of this file, which is made when it is missing and never removed, as its folder is for root only. Waits up
 * to `waitMs` (0: not at all); undefined when somebody else has it. flock(1) locks what we opened, so nothing of it goes on running.
 */
export async function lockFile(path: string, waitMs: number): Promise<FileLock | undefined> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const descriptor = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
  try {
    const patience = waitMs === 0 ? ['-n'] : ['-w', String(waitMs / 1000)];
    const { exitCode } = await runProcess({
      argv: ['flock', ...patience, '3'],
      inherit: descriptor,
      okExitCodes: [0, 1],
      timeoutMs: waitMs + 30_000,
    });
    if (exitCode === 0) return held(descriptor);
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
  closeSync(descriptor);
  return undefined;
}

function held(descriptor: number): FileLock {
  const self = identify(process.pid);
  // One write over what was there, of one length, so that a reader finds the one or the other.
  writeSync(descriptor, `${process.pid} ${self?.startTime ?? 0}`.padEnd(recordBytes), 0);
  return {
    release: () => closeSync(descriptor),
    handOn: (exec) => ({ run: (command) => exec.run({ ...command, inherit: descriptor }) }),
  };
}

/** Who took the lock last, if that very process still lives. */
export function lockHolder(path: string): ProcessIdentity | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
  const [pid = 0, startTime = 0] = text.split(' ').map(Number);
  const holder = { pid, startTime };
  return isAlive(holder) ? holder : undefined;
}
