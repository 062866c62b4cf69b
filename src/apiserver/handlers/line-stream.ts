/** The open reply of a watch: lines out, bounded. */
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';

/** A watcher that lets this much pile up is cut off, bytes; it comes back and lists or resumes. */
const maxPendingBytes = 16 * 1024 * 1024;

/** The initial events are written in pieces of this size, each when the one before has gone out. */
const pieceBytes = 256 * 1024;

export class LineStream {
  readonly #response: ServerResponse;
  /** Live lines that wait for the initial ones; undefined once those are out. */
  #waiting: Buffer[] | undefined = [];
  #waitingBytes = 0;

  constructor(response: ServerResponse) {
    this.#response = response;
  }

  /** A live line; the client is cut off when too much piles up. */
  push(line: Buffer): void {
    if (this.#response.destroyed || this.#response.writableEnded) return;
    if (this.#waiting === undefined) this.#response.write(line);
    else {
      this.#waiting.push(line);
      this.#waitingBytes += line.length;
    }
    if (this.#response.writableLength + this.#waitingBytes > maxPendingBytes) this.#response.destroy();
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
    if (rest.length > 0 && !this.#response.destroyed) this.#response.write(Buffer.concat(rest));
  }

  async #write(piece: Buffer): Promise<void> {
    if (this.#response.destroyed || this.#response.write(piece)) return;
    const stop = new AbortController();
    const events = ['drain', 'close'].map((event) => once(this.#response, event, { signal: stop.signal }));
    for (const event of events) event.catch(() => undefined);
    await Promise.race(events);
    stop.abort();
  }
}
