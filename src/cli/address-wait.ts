/** Waits for an address of this machine, where a service may be started before the link that it listens on. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../api/logger.ts';

const lookMs = 100;

async function isHere(address: string): Promise<boolean> {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  try {
    socket.bind(0, address);
    await once(socket, 'listening');
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRNOTAVAIL') return false;
    throw error;
  } finally {
    socket.close();
  }
}

/** Resolves when it is here, or when the signal fires. Rejects when it is no address. */
export async function untilAddressHere(
  address: string,
  { logger, signal }: { logger: Logger; signal: AbortSignal },
): Promise<void> {
  for (let looks = 0; !signal.aborted && !(await isHere(address)); looks += 1) {
    if (looks === 0) logger.info('no link has the address yet: waiting for it', { address });
    await sleep(lookMs, undefined, { signal }).catch(() => undefined);
  }
}
