/** One command at a time may change a lab. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { LabError } from './config.ts';

const retryMs = 20;
const rangesLimitMs = 30_000;

/**
 * Runs `work` as the only one for this lab on this host. The lock is a name in the abstract socket namespace: the kernel
 * gives it back when we die, however that happens. Throws a LabError when somebody else holds it.
 */
export async function withLabLock<T>(lab: string, work: () => Promise<T>): Promise<T> {
  const lock = await hold(`podwire/lab/${lab}`);
  if (lock === undefined)
    throw new LabError(`another podwire command is working on lab ${lab}: wait until it has ended`);
  return release(lock, work);
}

/** As withLabLock, for what a new lab chooses among all labs of the host; waits for its turn, half a minute at most. */
export async function withRangesLock<T>(work: () => Promise<T>): Promise<T> {
  const end = performance.now() + rangesLimitMs;
  for (;;) {
    const lock = await hold('podwire/ranges');
    if (lock !== undefined) return release(lock, work);
    if (performance.now() > end) throw new LabError('another podwire command is choosing address ranges: wait for it');
    await sleep(retryMs);
  }
}

/** Undefined when somebody else holds the name. */
async function hold(name: string): Promise<Server | undefined> {
  const server = createServer();
  server.listen(`\0${name}`);
  try {
    await once(server, 'listening');
    return server;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    return undefined;
  }
}

async function release<T>(lock: Server, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } finally {
    lock.close();
  }
}
