/**
 * Header blocks of SPDY/3: a count, then names and values behind their lengths, compressed by zlib; all blocks of one direction are one
 * zlib stream, cut by sync flushes (SPDY Protocol draft 3.1, 2.6.10).
 */
import { constants, createInflate, type Inflate } from 'node:zlib';
import { spdyDictionary, spdyDictionaryId, withLength } from './dictionary.ts';
import { SpdyError } from './frames.ts';

export type SpdyHeaders = Readonly<Record<string, string>>;

/** Of one block, when it is not compressed any more. */
const maxBytes = 64 * 1024;
const maxHeaders = 100;

class Cursor {
  readonly #data: Buffer;
  #at = 0;

  constructor(data: Buffer) {
    this.#data = data;
  }

  number(): number {
    if (this.#at + 4 > this.#data.length) throw new SpdyError('a header block ends too early');
    this.#at += 4;
    return this.#data.readUInt32BE(this.#at - 4);
  }

  text(): string {
    const length = this.number();
    const end = this.#at + length;
    if (end > this.#data.length) throw new SpdyError('a header is longer than its block');
    const text = this.#data.toString('utf8', this.#at, end);
    this.#at = end;
    return text;
  }
}

function parseHeaders(data: Buffer): SpdyHeaders {
  const cursor = new Cursor(data);
  const count = cursor.number();
  if (count > maxHeaders) throw new SpdyError(`${count} headers are too many`);
  const headers: [string, string][] = [];
  for (let index = 0; index < count; index += 1) {
    const name = cursor.text().toLowerCase();
    // More values of one name stand behind each other with a 0 between; the first is the one that counts.
    headers.push([name, cursor.text().split('\0', 1)[0] ?? '']);
  }
  return Object.fromEntries(headers);
}

const tooLong = (): SpdyError => new SpdyError('a header block is too long');

/** Reads the blocks of one direction, in order, one at a time. */
export class HeaderReader {
  readonly #inflate: Inflate;
  #chunks: Buffer[] = [];
  #size = 0;
  #failure: Error | undefined;
  #fail: (error: Error) => void = () => undefined;

  constructor() {
    const flush = constants.Z_SYNC_FLUSH;
    this.#inflate = createInflate({ dictionary: spdyDictionary, flush, finishFlush: flush });
    this.#inflate.on('data', (chunk: Buffer) => {
      this.#size += chunk.length;
      if (this.#size <= maxBytes) this.#chunks.push(chunk);
      else this.#inflate.destroy(tooLong());
    });
    this.#inflate.on('error', (error) => {
      this.#failure = error;
      this.#fail(error);
    });
  }

  /** Rejects when it is no header block, or too long; then the direction cannot be read any more. */
  async read(block: Buffer): Promise<SpdyHeaders> {
    if (this.#failure !== undefined) throw this.#failure;
    this.#chunks = [];
    this.#size = 0;
    await new Promise<void>((resolve, reject) => {
      this.#fail = reject;
      this.#inflate.write(block, (error) => (error ? reject(error) : resolve()));
    });
    // A write that was cut off by destroy() ends like any other.
    if (this.#size > maxBytes) throw tooLong();
    return parseHeaders(Buffer.concat(this.#chunks));
  }

  close(): void {
    this.#inflate.destroy();
  }
}

/** RFC 1951, 3.2.4. */
function storedBlock(data: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt16LE(data.length, 1);
  head.writeUInt16LE(~data.length & 0xffff, 3);
  return Buffer.concat([head, data]);
}

/** Writes the blocks of one direction: as zlib's stored blocks, since there is nothing in them worth compressing. */
export class HeaderWriter {
  #isFirst = true;

  write(headers: SpdyHeaders): Buffer {
    const entries = Object.entries(headers);
    const count = Buffer.alloc(4);
    count.writeUInt32BE(entries.length);
    const data = Buffer.concat([count, ...entries.flatMap(([name, value]) => [withLength(name), withLength(value)])]);
    // The empty block at the end is what a sync flush leaves: readers wait for it.
    return Buffer.concat([this.#start(), storedBlock(data), storedBlock(Buffer.alloc(0))]);
  }

  /** The head of a zlib stream that names the dictionary (RFC 1950, 2.2). */
  #start(): Buffer {
    if (!this.#isFirst) return Buffer.alloc(0);
    this.#isFirst = false;
    const start = Buffer.from([0x78, 0xbb, 0, 0, 0, 0]);
    start.writeUInt32BE(spdyDictionaryId, 2);
    return start;
  }
}
