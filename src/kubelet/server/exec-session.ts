/** Joins a WebSocket with a process in a container. */
import type { WebSocket } from 'ws';
import type { Logger } from '../../api/logger.ts';
import type { ExecSession } from '../../runtime/contract.ts';
import { channels, exitStatus, failedStatus, frame, parseClientFrame, statusFrame } from './exec-channels.ts';

export interface ExecStreams {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
}

/** Bytes that may wait for a slow client before the process is made to wait. */
const highWater = 1024 * 1024;
const pingMs = 30_000;
/** How long a client that was told to close may take. */
const closeMs = 5_000;

function send(socket: WebSocket, message: Buffer): Promise<void> {
  return new Promise((resolve) => socket.send(message, () => resolve()));
}

/** Copies until the end of the stream. A client that is slow or gone makes no memory grow. */
async function copyOut(
  socket: WebSocket,
  channel: number,
  stream: NodeJS.ReadableStream | undefined,
  wanted: boolean,
): Promise<void> {
  if (stream === undefined) return;
  for await (const chunk of stream) {
    if (!wanted || socket.readyState !== socket.OPEN) continue;
    const sent = send(socket, frame(channel, chunk));
    if (socket.bufferedAmount > highWater) await sent;
  }
}

function copyIn(socket: WebSocket, session: ExecSession): void {
  const { stdin } = session;
  stdin?.on('error', () => undefined);
  stdin?.on('drain', () => socket.resume());
  socket.on('message', (data, isBinary) => {
    const message = Array.isArray(data) ? Buffer.concat(data) : Buffer.isBuffer(data) ? data : Buffer.from(data);
    if (!isBinary && message.length === 0) return;
    const part = parseClientFrame(message);
    if (part.kind === 'stdin' && stdin?.write(part.data) === false) socket.pause();
    else if (part.kind === 'closeStdin') stdin?.end();
    else if (part.kind === 'resize') session.resize(part.columns, part.rows);
  });
}

/** Pings; a client that answers none of two is cut off. */
export function keepAlive(socket: WebSocket): void {
  let isAlive = true;
  socket.on('pong', () => (isAlive = true));
  const timer = setInterval(() => {
    if (!isAlive) return socket.terminate();
    isAlive = false;
    // While we made it wait, its answer waits as well.
    if (socket.isPaused) isAlive = true;
    else socket.ping();
  }, pingMs);
  socket.once('close', () => clearInterval(timer));
}

function closeSoon(socket: WebSocket): void {
  if (socket.readyState === socket.CLOSED) return;
  socket.close(1000);
  const timer = setTimeout(() => socket.terminate(), closeMs);
  socket.once('close', () => clearTimeout(timer));
}

/** The command could not be run: says so on the error channel. */
export function refuseExec(socket: WebSocket, message: string): void {
  const said = statusFrame(socket.protocol, failedStatus(message));
  if (said !== undefined) socket.send(said);
  closeSoon(socket);
}

/**
 * Resolves when both are done. The exit code is told only after all output; a client that goes away ends the process,
 * and a stream that breaks never looks like success.
 */
export async function joinExec(
  socket: WebSocket,
  session: ExecSession,
  streams: ExecStreams,
  logger: Logger,
): Promise<void> {
  socket.once('close', () => session.kill());
  if (socket.readyState !== socket.OPEN) session.kill();
  keepAlive(socket);
  copyIn(socket, session);
  try {
    const [, , exitCode] = await Promise.all([
      copyOut(socket, channels.stdout, session.stdout, streams.stdout),
      copyOut(socket, channels.stderr, session.stderr, streams.stderr),
      session.exitCode,
    ]);
    const said = statusFrame(socket.protocol, exitStatus(exitCode));
    if (said !== undefined) socket.send(said, () => undefined);
    closeSoon(socket);
  } catch (error) {
    session.kill();
    if (socket.readyState !== socket.OPEN) return;
    logger.warn('an exec broke off', { error: String(error) });
    refuseExec(
      socket,
      `error executing command in container: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}
