import { Duplex } from 'node:stream';

/** What a stream needs of its session. */
export interface StreamPort {
  /** Calls back when there is room for more. */
  send(id: number, data: Buffer, fin: boolean, done: () => void): void;
  /** Tells the other side that the stream has broken. */
  reset(id: number): void;
  /** Somebody reads: what was held back may go on. */
  wanted(): void;
  /** Both directions are done, or the stream has broken. */
  closed(id: number): void;
}

/**
 * One stream of a session, both directions apart: `end()` closes ours, the event `end` tells that the other side closed its own.
 * Destroyed before both are closed, it is reset.
 */
export class SpdyStream extends Duplex {
  readonly id: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly #port: StreamPort;
  #isReset = false;

  constructor(id: number, headers: Readonly<Record<string, string>>, port: StreamPort) {
    super({ allowHalfOpen: true });
    this.id = id;
    this.headers = headers;
    this.#port = port;
    this.on('error', () => undefined);
  }

  /** Data of the other side, or the end of it. */
  received(data: Buffer, fin: boolean): void {
    if (this.destroyed || this.readableEnded) return;
    if (data.length > 0) this.push(data);
    if (fin) this.push(null);
  }

  /** The other side, or the end of the session, broke it. */
  broken(): void {
    this.#isReset = true;
    this.destroy();
  }

  override _read(): void {
    this.#port.wanted();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#port.send(this.id, chunk, false, done);
  }

  override _final(done: () => void): void {
    this.#port.send(this.id, Buffer.alloc(0), true, done);
  }

  override _destroy(_error: Error | null, done: (error: Error | null) => void): void {
    const isOver = this.readableEnded && this.writableFinished;
    if (!isOver && !this.#isReset) this.#port.reset(this.id);
    this.#port.closed(this.id);
    done(null);
  }
}
