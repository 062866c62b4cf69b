/**
 * Connections that begin inside a network namespace and are used outside of it. A socket stays in the namespace that it was made in, so a
 * small process enters the namespace, dials, and hands the connected socket over: nothing is copied, nothing is relayed.
 */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { argvInNetns, spawnProgram, type ChildProcess } from './run-process.ts';

export interface Dialer {
  /**
   * A TCP connection to a port of localhost in there, 127.0.0.1 first, then ::1. It is half open when one side has ended. Rejects with the
   * reason, such as `connect ECONNREFUSED 127.0.0.1:80`.
   */
  dial(port: number): Promise<Socket>;
  /** Ends the process; connections that were made go on. */
  close(): void;
}

interface Answer {
  readonly id: number;
  readonly error?: string;
}

const dialTimeoutMs = 10_000;
const startTimeoutMs = 10_000;

/** Runs in the process that dials, from its source text: it can use nothing of this file. */
function dialerMain(): void {
  const { connect } = process.getBuiltinModule('node:net');
  const dial = (id: number, port: number, host: string, refused?: string): void => {
    const socket = connect({ host, port, allowHalfOpen: true });
    // Before anything is read: what comes first belongs to who gets the socket.
    socket.pause();
    socket.once('connect', () => process.send?.({ id }, socket, { keepOpen: false }, () => undefined));
    socket.once('error', ({ message }) =>
      refused === undefined ? dial(id, port, '::1', message) : process.send?.({ id, error: refused }),
    );
  };
  process.on('message', ({ id, port }: { id: number; port: number }) => dial(id, port, '127.0.0.1'));
  process.once('disconnect', () => process.exit());
  process.send?.({ id: 0 });
}

class NetnsDialer implements Dialer {
  readonly #child: ChildProcess;
  readonly #pending = new Map<number, (answer: Answer, socket: Socket | undefined) => void>();
  #lastId = 0;

  constructor(child: ChildProcess) {
    this.#child = child;
    child.on('message', (answer: Answer, socket: Socket | undefined) => {
      const settle = this.#pending.get(answer.id);
      this.#pending.delete(answer.id);
      if (settle === undefined) socket?.destroy();
      else settle(answer, socket);
    });
    child.on('exit', () => {
      for (const [id, settle] of this.#pending) settle({ id, error: 'the process that dials has ended' }, undefined);
      this.#pending.clear();
    });
  }

  dial(port: number): Promise<Socket> {
    return new Promise((resolve, reject) => {
      if (!this.#child.connected) return reject(new Error('the process that dials has ended'));
      const id = ++this.#lastId;
      const timer = setTimeout(() => {
        this.#pending.delete(id);
        reject(new Error(`connect to port ${port} timed out`));
      }, dialTimeoutMs);
      this.#pending.set(id, ({ error }, socket) => {
        clearTimeout(timer);
        if (socket === undefined) return reject(new Error(error ?? 'the connection was lost on its way'));
        socket.allowHalfOpen = true;
        resolve(socket);
      });
      this.#child.send({ id, port }, () => undefined);
    });
  }

  close(): void {
    if (this.#child.connected) this.#child.disconnect();
  }
}

/** Starts the process in the namespace at `netns`, or in our own. It ends with us. Rejects when it cannot be started. */
export async function openDialer(netns: string | undefined): Promise<Dialer> {
  const node = [process.execPath, '--max-semi-space-size=1', '--eval', `(${String(dialerMain)})()`] as const;
  const child = spawnProgram(argvInNetns([...node], netns), { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(0, 1000)));
  const ended = new Promise<never>((_resolve, reject) => {
    child.once('error', reject);
    child.once('close', () => reject(new Error(`the process that dials ended at once: ${said.trim()}`)));
  });
  ended.catch(() => undefined);
  const signal = AbortSignal.timeout(startTimeoutMs);
  try {
    await Promise.race([once(child, 'message', { signal }), ended]);
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
  return new NetnsDialer(child);
}
