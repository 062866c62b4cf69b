/** The open reply of a watch: lines out, bounded. */
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** A watcher that lets this much pile up is cut off, bytes; it comes back and lists or resumes. */
const maxPendingBytes = 16 * 1024 * 1024;

/** The initial events are written in pieces of this size, each when the one before has gone out. */
const pieceBytes = 256 * 1024;

/** Takes lines that are framed as HTTP chunks: they go to the socket past the response, which only begins and ends. */
export class LineStream {
  readonly #response: ServerResponse;
  readonly #socket: Socket;
  /** Live lines that wait for the initial ones; undefined once those are out. */
  #waiting: Buffer[] | undefined = [];
  #waitingBytes = 0;

  /** The response's header must have been flushed. */
  constructor(response: ServerResponse, socket: Socket) {
    this.#response = response;
    this.#socket = socket;
  }

  /** Live lines; the client is cut off when too much piles up. */
  push(lines: readonly Buffer[]): void {
    if (!this.#open || lines.length === 0) return;
    if (this.#waiting === undefined) this.#send(lines);
    else {
      this.#waiting.push(...lines);
      this.#waitingBytes += lines.reduce((sum, line) => sum + line.length, 0);
    }
    if (this.#socket.writableLength + this.#waitingBytes > maxPendingBytes) this.#socket.destroy();
  }

  /** Writes the first lines as fast as the client takes them, then what came meanwhile. Call it once. */
  async begin(lines: Iterable<Buffer>): Promise<void> {
    let piece: Buffer[] = [];
    let bytes = 0;
    for (const line of lines) {
      piece.push(line);
      bytes += line.length;
      if (bytes < pieceBytes) continue;
      await this.#write(Buffer.concat(piece));
      piece = [];
      bytes = 0;
    }
    const rest = [...piece, ...(this.#waiting ?? [])];
    this.#waiting = undefined;
    this.#waitingBytes = 0;
    if (this.#open) this.#send(rest);
  }

  get #open(): boolean {
    return !this.#socket.destroyed && !this.#response.writableEnded;
  }

  #send(lines: readonly Buffer[]): void {
    if (lines.length > 0) this.#socket.write(lines.length === 1 ? (lines[0] as Buffer) : Buffer.concat(lines));
  }

  async #write(piece: Buffer): Promise<void> {
    if (!this.#open || this.#socket.write(piece)) return;
    const stop = new AbortController();
    const events = ['drain', 'close'].map((event) => once(this.#socket, event, { signal: stop.signal }));
    for (const event of events) event.catch(() => undefined);
    await Promise.race(events);
    stop.abort();
  }
}
