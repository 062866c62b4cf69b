/** The server's end of one SPDY/3.1 connection: many streams, opened by the client, over one pair of byte streams. */
import type { Duplex } from 'node:stream';
import {
  dataFrame,
  FrameReader,
  pingFrame,
  replyFrame,
  resetCodes,
  resetFrame,
  SpdyError,
  type Frame,
} from './frames.ts';
import { HeaderReader, HeaderWriter } from './header-block.ts';
import { SpdyStream, type StreamPort } from './stream.ts';

export interface SpdySessionOptions {
  /** A stream that the client has opened. A throw refuses it. */
  readonly onStream: (stream: SpdyStream) => void;
  /** Streams at the same time; further ones are refused. */
  readonly maxStreams?: number;
  /** Bytes that may wait for slow readers of streams, all together, before the client is held back. */
  readonly budgetBytes?: number;
  /** How long slow readers may hold the client back before the slowest is cut off. */
  readonly stallMs?: number;
}

/**
 * There are no windows in what kubectl speaks (spdystream sends and expects none): who reads too slowly holds back all streams. So a good
 * deal is kept for him first, and when nothing moves for long his stream is reset, and the others go on.
 */
export class SpdySession {
  readonly #transport: Duplex;
  readonly #options: Required<SpdySessionOptions>;
  readonly #streams = new Map<number, SpdyStream>();
  readonly #frames = new FrameReader();
  readonly #headersIn = new HeaderReader();
  readonly #headersOut = new HeaderWriter();
  readonly #waiting: (() => void)[] = [];
  readonly #port: StreamPort;
  #lastId = 0;
  #room: (() => void) | undefined;

  constructor(transport: Duplex, options: SpdySessionOptions) {
    this.#transport = transport;
    this.#options = { maxStreams: 2_000, budgetBytes: 16 * 1024 * 1024, stallMs: 30_000, ...options };
    this.#port = {
      send: (id, data, fin, done) => this.#send(dataFrame(id, data, fin), done),
      reset: (id) => this.#send(resetFrame(id, resetCodes.internalError)),
      wanted: () => this.#room?.(),
      closed: (id) => {
        this.#streams.delete(id);
        this.#room?.();
      },
    };
    transport.on('drain', () => this.#drained());
    transport.on('error', () => undefined);
    transport.once('close', () => this.#drained());
  }

  /** Serves until the connection ends. Rejects with a SpdyError when the client breaks the protocol; all streams are gone then. */
  async serve(): Promise<void> {
    try {
      for await (const chunk of this.#transport) {
        for (const frame of this.#frames.read(chunk as Buffer)) await this.#handle(frame);
        while (this.#held() > this.#options.budgetBytes) await this.#untilRoom();
      }
    } catch (error) {
      // A connection that breaks is an ordinary end.
      if (error instanceof SpdyError) throw error;
    } finally {
      for (const stream of this.#streams.values()) stream.broken();
      this.#headersIn.close();
      this.#transport.destroy();
    }
  }

  async #handle(frame: Frame): Promise<void> {
    if (frame.kind === 'ping') {
      // Odd ones are the client's: they come back as they are.
      if (frame.id % 2 === 1) this.#send(pingFrame(frame.id));
    } else if (frame.kind === 'open') await this.#open(frame);
    else if (frame.kind === 'headers') await this.#headersIn.read(frame.block);
    else if (frame.kind === 'data') this.#data(frame);
    else if (frame.kind === 'reset') this.#streams.get(frame.id)?.broken();
  }

  async #open({ id, block, fin }: Frame & { readonly kind: 'open' }): Promise<void> {
    const headers = await this.#headersIn.read(block);
    if (id % 2 === 0 || id <= this.#lastId) throw new SpdyError(`the client may not open stream ${id}`);
    this.#lastId = id;
    if (this.#streams.size >= this.#options.maxStreams) return this.#send(resetFrame(id, resetCodes.refused));
    const stream = new SpdyStream(id, headers, this.#port);
    this.#streams.set(id, stream);
    try {
      this.#options.onStream(stream);
    } catch {
      stream.broken();
      return this.#send(resetFrame(id, resetCodes.refused));
    }
    this.#send(replyFrame(id, this.#headersOut.write({})));
    if (fin) stream.received(Buffer.alloc(0), true);
  }

  #data({ id, data, fin }: Frame & { readonly kind: 'data' }): void {
    // What is still under way to a stream that has gone is nobody's.
    this.#streams.get(id)?.received(data, fin);
  }

  #send(frame: Buffer, done: () => void = () => undefined): void {
    if (this.#transport.destroyed || !this.#transport.writable || this.#transport.write(frame)) done();
    else this.#waiting.push(done);
  }

  #drained(): void {
    for (const done of this.#waiting.splice(0)) done();
  }

  #held(): number {
    let bytes = 0;
    for (const stream of this.#streams.values()) bytes += stream.readableLength;
    return bytes;
  }

  async #untilRoom(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<'room' | 'stalled'>();
    this.#room = () => resolve('room');
    const timer = setTimeout(() => resolve('stalled'), this.#options.stallMs);
    const outcome = await promise;
    clearTimeout(timer);
    this.#room = undefined;
    if (outcome === 'stalled') this.#slowest()?.destroy();
  }

  #slowest(): SpdyStream | undefined {
    const streams = [...this.#streams.values()];
    return streams.sort((a, b) => b.readableLength - a.readableLength)[0];
  }
}
