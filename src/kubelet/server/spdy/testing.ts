/** A client of SPDY/3.1, for tests. */
import type { Duplex } from 'node:stream';
import { dataFrame, FrameReader, openFrame, pingFrame, resetFrame, type Frame } from './frames.ts';
import { HeaderWriter, type SpdyHeaders } from './header-block.ts';

/** What a client has seen of one stream. */
export interface Seen {
  text: string;
  ended: boolean;
  reset: boolean;
  replied: boolean;
}

export class TestClient {
  readonly transport: Duplex;
  readonly pings: number[] = [];
  readonly #seen = new Map<number, Seen>();
  readonly #headers = new HeaderWriter();
  #lastId = -1;

  constructor(transport: Duplex) {
    this.transport = transport;
    const reader = new FrameReader();
    transport.on('error', () => undefined);
    transport.on('data', (chunk: Buffer) => {
      for (const frame of reader.read(chunk)) this.#note(frame);
    });
  }

  of(id: number): Seen {
    const seen = this.#seen.get(id) ?? { text: '', ended: false, reset: false, replied: false };
    this.#seen.set(id, seen);
    return seen;
  }

  /** Opens a stream; the number of it. */
  open(headers: SpdyHeaders): number {
    this.#lastId += 2;
    this.transport.write(openFrame(this.#lastId, this.#headers.write(headers), false));
    return this.#lastId;
  }

  /** The pair of streams of a port-forward, as kubectl opens it; the number of the data stream and of the error stream. */
  forward(port: number | string, requestid: string): { readonly data: number; readonly error: number } {
    const error = this.open({ streamtype: 'error', port: String(port), requestid });
    this.end(error);
    return { error, data: this.open({ streamtype: 'data', port: String(port), requestid }) };
  }

  send(id: number, data: string | Buffer): void {
    this.transport.write(dataFrame(id, Buffer.from(data), false));
  }

  end(id: number): void {
    this.transport.write(dataFrame(id, Buffer.alloc(0), true));
  }

  reset(id: number): void {
    this.transport.write(resetFrame(id, 5));
  }

  ping(id: number): void {
    this.transport.write(pingFrame(id));
  }

  #note(frame: Frame): void {
    if (frame.kind === 'ping') this.pings.push(frame.id);
    if (frame.kind === 'data') {
      this.of(frame.id).text += frame.data.toString('latin1');
      this.of(frame.id).ended ||= frame.fin;
    }
    if (frame.kind === 'reset') this.of(frame.id).reset = true;
    if (frame.kind === 'headers') this.of(frame.id).replied = true;
  }
}

/** Waits until it is so; fails after two seconds. */
export async function until(what: string, isSo: () => boolean, timeoutMs = 2_000): Promise<void> {
  for (const end = Date.now() + timeoutMs; !isSo();) {
    if (Date.now() > end) throw new Error(`not in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
