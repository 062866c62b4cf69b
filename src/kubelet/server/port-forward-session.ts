/**
 * The port-forwards of one connection. The client opens two streams for each: `error` and `data`, with headers `port` and `requestid`
 * (k8s.io/client-go/tools/portforward).
 *
 * kubectl ends its whole session as soon as anything stands on an error stream (kubernetes/kubernetes#74551). So a connection that
 * cannot be made, or breaks, resets its own data stream and says nothing there; why is written to our log.
 */
import type { Socket } from 'node:net';
import { pipeline, type Duplex } from 'node:stream';
import type { Logger } from '../../api/logger.ts';
import type { Dialer } from '../../kernel/netns-dialer.ts';
import { SpdySession } from './spdy/session.ts';
import type { SpdyStream } from './spdy/stream.ts';

export interface PortForwardOptions {
  /** Opens the way into the pod; asked for once. */
  readonly openDialer: () => Promise<Dialer>;
  readonly logger: Logger;
  /** How long the second stream of a pair may take. */
  readonly pairTimeoutMs?: number;
}

interface Pair {
  error?: SpdyStream;
  data?: SpdyStream;
  timer?: NodeJS.Timeout;
}

function portOf({ headers }: SpdyStream): number {
  const text = headers['port'] ?? '';
  const port = Number(text);
  if (!/^\d+$/.test(text) || port < 1 || port > 65_535) throw new Error(`"${text.slice(0, 20)}" is no port`);
  return port;
}

/** Old clients send no request ID: then the streams of a pair have consecutive odd numbers, the error stream first. */
function requestOf({ id, headers }: SpdyStream, kind: 'error' | 'data'): string {
  return headers['requestid'] ?? `stream ${kind === 'error' ? id : id - 2}`;
}

/** Both directions, each with its own end and its own pace. Calls back when both are done or one has broken. */
function join(stream: SpdyStream, socket: Socket, done: (error: Error | undefined) => void): void {
  let open = 2;
  let failure: Error | undefined;
  const ended = (error: Error | null | undefined): void => {
    if (error !== null && error !== undefined) {
      failure ??= error;
      stream.destroy();
      socket.destroy();
    }
    open -= 1;
    if (open === 0) done(failure);
  };
  pipeline(stream, socket, ended);
  pipeline(socket, stream, ended);
}

class PortForwards {
  readonly #options: PortForwardOptions;
  readonly #pairs = new Map<string, Pair>();
  #dialer: Promise<Dialer> | undefined;

  constructor(options: PortForwardOptions) {
    this.#options = options;
  }

  /** Throws when the stream is none of a pair. */
  add(stream: SpdyStream): void {
    const kind = stream.headers['streamtype'];
    if (kind !== 'error' && kind !== 'data') throw new Error('a stream is either "error" or "data"');
    portOf(stream);
    const request = requestOf(stream, kind);
    const pair: Pair = this.#pairs.get(request) ?? {};
    if (pair[kind] !== undefined) throw new Error(`request ${request} has its ${kind} stream already`);
    pair[kind] = stream;
    this.#pairs.set(request, pair);
    const { error, data } = pair;
    if (error === undefined || data === undefined) {
      pair.timer = setTimeout(() => this.#giveUp(request, pair), this.#options.pairTimeoutMs ?? 30_000);
      return;
    }
    this.#forget(request, pair);
    // Nobody writes to us there.
    error.resume();
    void this.#forward(error, data);
  }

  close(): void {
    for (const [request, pair] of this.#pairs) this.#forget(request, pair);
    this.#dialer?.then(
      (dialer) => dialer.close(),
      () => undefined,
    );
  }

  #forget(request: string, pair: Pair): void {
    clearTimeout(pair.timer);
    this.#pairs.delete(request);
  }

  #giveUp(request: string, pair: Pair): void {
    this.#forget(request, pair);
    pair.error?.destroy();
    pair.data?.destroy();
  }

  async #forward(error: SpdyStream, data: SpdyStream): Promise<void> {
    const port = portOf(data);
    const failed = (reason: unknown): void => {
      this.#options.logger.info('a forwarded connection failed', { port, reason: String(reason) });
      data.destroy();
    };
    try {
      const socket = await (await this.#open()).dial(port);
      if (data.destroyed) socket.destroy();
      join(data, socket, (reason) => {
        if (reason !== undefined && !isOrdinary(reason)) failed(reason);
        error.end();
      });
    } catch (reason) {
      failed(reason);
      error.end();
    }
  }

  /** One process for all connections; when it has ended, the next connection starts another. */
  async #open(): Promise<Dialer> {
    this.#dialer ??= this.#options.openDialer();
    try {
      return await this.#dialer;
    } catch (error) {
      this.#dialer = undefined;
      throw error;
    }
  }
}

/** The client has closed its end, which resets the stream: so does every browser. */
function isOrdinary(error: Error): boolean {
  return (error as NodeJS.ErrnoException).code === 'ERR_STREAM_PREMATURE_CLOSE';
}

/** Serves all streams of a connection until it ends. Rejects when the client breaks the protocol. */
export async function servePortForwards(transport: Duplex, options: PortForwardOptions): Promise<void> {
  const forwards = new PortForwards(options);
  try {
    await new SpdySession(transport, { onStream: (stream) => forwards.add(stream) }).serve();
  } finally {
    forwards.close();
  }
}
