/** One command at a time may change a lab. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { LabError } from './config.ts';

/**
 * Runs `work` as the only one for this lab on this host. The lock is a name in the abstract socket namespace: the kernel
 * gives it back when we die, however that happens. Throws a LabError when somebody else holds it.
 */
export async function withLabLock<T>(lab: string, work: () => Promise<T>): Promise<T> {
  const server = createServer();
  server.listen(`\0podwire/lab/${lab}`);
  try {
    await once(server, 'listening');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    throw new LabError(`another podwire command is working on lab ${lab}: wait until it has ended`);
  }
  try {
    return await work();
  } finally {
    server.close();
  }
}
