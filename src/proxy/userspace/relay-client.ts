/** The agent's end: finds the relay of this network namespace, starts one where there is none, and tells it what to serve. */
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { LineSplitter } from '../../api/lines.ts';
import type { Exec } from '../../kernel/exec.ts';
import {
  maxLineBytes,
  pidFile,
  relayArgument,
  relayVersion,
  reportVariable,
  type Backend,
  type RelayReply,
  type RelayRequest,
} from './protocol.ts';

/** The arguments after `node` that make a relay: this file's neighbour when run from source, the bundle itself otherwise. */
function entry(): readonly string[] {
  if (import.meta.filename.endsWith('.ts')) return [join(import.meta.dirname, 'relay-process.ts')];
  return [process.argv[1] ?? import.meta.filename];
}

const folder = '/run/podwire';
const startMs = 15_000;

/** One relay a network namespace. */
async function socketPath(exec: Exec): Promise<string> {
  const { stdout } = await exec.run({ argv: ['readlink', '/proc/self/ns/net'] });
  return join(folder, `relay-${relayVersion}-${/\d+/.exec(stdout)?.[0] ?? '0'}.sock`);
}

function dial(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once('connect', () => resolve(socket));
    socket.once('error', reject);
  });
}

async function start(exec: Exec, path: string): Promise<void> {
  await exec.run({
    argv: ['setsid', '--fork', process.execPath, ...entry(), relayArgument, path],
    reportPipe: reportVariable,
    timeoutMs: startMs,
  });
}

interface Waiting {
  readonly resolve: (reply: RelayReply) => void;
  readonly reject: (error: Error) => void;
}

/** A connection to a relay that runs. */
export class RelayClient {
  readonly #socket: Socket;
  #waiting: Waiting[] = [];
  #lost = false;

  constructor(socket: Socket, onLost: () => void) {
    this.#socket = socket;
    const lines = new LineSplitter(maxLineBytes);
    socket.unref();
    socket.on('error', () => undefined); // close follows
    socket.on('data', (chunk: Buffer) => {
      for (const line of lines.push(chunk)) this.#waiting.shift()?.resolve(JSON.parse(line) as RelayReply);
    });
    socket.once('close', () => {
      this.#lost = true;
      for (const one of this.#waiting) one.reject(new Error('the relay ended'));
      this.#waiting = [];
      onLost();
    });
  }

  get lost(): boolean {
    return this.#lost;
  }

  /** Ports of everything it serves, by id. */
  async list(): Promise<Readonly<Record<string, number>>> {
    return (await this.#ask({ op: 'list' })).ports;
  }

  /** What could not be served is in `failed`. */
  put(backends: readonly Backend[]): Promise<RelayReply> {
    return this.#ask({ op: 'put', backends });
  }

  /** It listens there no more; what it carries goes on. */
  async drop(ids: readonly string[]): Promise<void> {
    if (ids.length > 0) await this.#ask({ op: 'drop', ids });
  }

  /** As {@link drop}, and datagrams of what it carries go nowhere any more: nobody serves there. */
  async end(ids: readonly string[]): Promise<void> {
    if (ids.length > 0) await this.#ask({ op: 'drop', ids, targetsGone: true });
  }

  close(): void {
    this.#socket.destroy();
  }

  #ask(request: RelayRequest): Promise<RelayReply> {
    return new Promise((resolve, reject) => {
      if (this.#lost) return reject(new Error('the relay ended'));
      this.#waiting.push({ resolve, reject });
      this.#socket.write(`${JSON.stringify(request)}\n`);
    });
  }
}

/**
 * Through the root of whoever says that it is the relay, as the Exec's mount namespace need not be this process's. What answers there is
 * the relay, whatever the file says.
 */
async function dialAt(exec: Exec, path: string): Promise<Socket | undefined> {
  const { stdout } = await exec.run({ argv: ['cat', pidFile(path)], okExitCodes: [0, 1] });
  const pid = Number(stdout.trim());
  return pid > 0 ? dial(`/proc/${pid}/root${path}`).catch(() => undefined) : undefined;
}

/** The relay that runs; undefined where there is none. */
export async function findRelay(exec: Exec, onLost: () => void = () => undefined): Promise<RelayClient | undefined> {
  const socket = await dialAt(exec, await socketPath(exec));
  return socket === undefined ? undefined : new RelayClient(socket, onLost);
}

/** Both families want one at the same time: the second finds the first one's. */
const openings = new WeakMap<Exec, Promise<unknown>>();

/** The relay that runs, or a new one. Rejects when none can be started. */
export function openRelay(exec: Exec, onLost: () => void): Promise<RelayClient> {
  const open = (): Promise<RelayClient> => findOrStart(exec, onLost);
  const opened = (openings.get(exec) ?? Promise.resolve()).then(open, open);
  openings.set(
    exec,
    opened.catch(() => undefined),
  );
  return opened;
}

async function findOrStart(exec: Exec, onLost: () => void): Promise<RelayClient> {
  const path = await socketPath(exec);
  const found = await dialAt(exec, path);
  if (found !== undefined) return new RelayClient(found, onLost);
  await start(exec, path);
  const socket = await dialAt(exec, path);
  if (socket === undefined) throw new Error(`the relay says that it listens at ${path}, and does not answer there`);
  return new RelayClient(socket, onLost);
}
