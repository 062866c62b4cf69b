/** The socket that the front speaks to: one request a connection, answered by an exit code, a line end, and what goes to standard output. */
import { chmod, mkdir, rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { once } from 'node:events';
import { dirname } from 'node:path';
import type { Logger } from '../../api/logger.ts';
import { errorText } from './errors.ts';
import { parseRequest, versionOf } from './request.ts';
import { carryOut, type CniGround } from './verbs.ts';

export interface CniServerOptions extends CniGround {
  readonly socket: string;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

const maxRequestBytes = 1024 * 1024;
const idleMs = 10_000;
const maxConnections = 256;

async function answer(options: CniServerOptions, message: string): Promise<string> {
  try {
    return `0\n${await carryOut(options, parseRequest(message))}`;
  } catch (error) {
    const command = /CNI_COMMAND=([A-Z]{1,10})/.exec(message)?.[1];
    options.logger.warn('a CNI request failed', { command, error: String(error) });
    return `1\n${errorText(error, versionOf(message))}\n`;
  }
}

function serve(socket: Socket, options: CniServerOptions): void {
  const chunks: Buffer[] = [];
  let length = 0;
  socket.setTimeout(idleMs, () => socket.destroy());
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (length > maxRequestBytes) socket.destroy();
    else chunks.push(chunk);
  });
  socket.on('end', () => {
    // From here on it is the work that takes its time, and that has limits of its own.
    socket.setTimeout(0);
    void answer(options, Buffer.concat(chunks).toString('utf8')).then((text) => socket.end(text));
  });
}

/** Resolves when it listens, for root alone. Another agent's socket of the same name is taken over. Rejects when the folder cannot be made. */
export async function startCniServer(options: CniServerOptions): Promise<void> {
  await mkdir(dirname(options.socket), { recursive: true, mode: 0o700 });
  await rm(options.socket, { force: true });
  const server = createServer({ allowHalfOpen: true }, (socket) => serve(socket, options));
  server.maxConnections = maxConnections;
  server.listen(options.socket);
  await once(server, 'listening');
  await chmod(options.socket, 0o600);
  options.signal.addEventListener('abort', () => server.close(), { once: true });
}
