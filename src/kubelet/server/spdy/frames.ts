/** Frames of SPDY/3.1 (SPDY Protocol draft 3.1, 2.2 and 2.6): bytes to frames and back. Pure. */

/** The other side broke the protocol: its connection is of no use any more. */
export class SpdyError extends Error {
  override readonly name = 'SpdyError';
}

const version = 3;
const types = { synStream: 1, synReply: 2, reset: 3, ping: 6, goAway: 7, headers: 8 } as const;
const finFlag = 0x01;

/** Why a stream is reset. */
export const resetCodes = { protocolError: 1, invalidStream: 2, refused: 3, cancel: 5, internalError: 6 } as const;

/** What the other side sent. Long data comes in pieces; `fin` is with the last. */
export type Frame =
  | { readonly kind: 'open'; readonly id: number; readonly block: Buffer; readonly fin: boolean }
  | { readonly kind: 'headers'; readonly id: number; readonly block: Buffer; readonly fin: boolean }
  | { readonly kind: 'data'; readonly id: number; readonly data: Buffer; readonly fin: boolean }
  | { readonly kind: 'reset'; readonly id: number }
  | { readonly kind: 'ping'; readonly id: number }
  | { readonly kind: 'goAway' };

/** Longer control frames than this make no sense here. */
const maxControlBytes = 64 * 1024;
const headBytes = 8;

function idAt(body: Buffer): number {
  if (body.length < 4) throw new SpdyError('a frame ends too early');
  return body.readUInt32BE(0) & 0x7fff_ffff;
}

function controlFrame(type: number, flags: number, body: Buffer): Frame | undefined {
  const fin = (flags & finFlag) !== 0;
  switch (type) {
    case types.synStream:
      if (body.length < 10) throw new SpdyError('a SYN_STREAM ends too early');
      return { kind: 'open', id: idAt(body), block: body.subarray(10), fin };
    case types.synReply:
    case types.headers:
      return { kind: 'headers', id: idAt(body), block: body.subarray(4), fin };
    case types.reset:
      return { kind: 'reset', id: idAt(body) };
    case types.ping:
      if (body.length < 4) throw new SpdyError('a PING ends too early');
      return { kind: 'ping', id: body.readUInt32BE(0) };
    case types.goAway:
      return { kind: 'goAway' };
    default:
      // SETTINGS and WINDOW_UPDATE: neither kubectl nor we hold streams back by windows.
      return undefined;
  }
}

/** Cuts a stream of bytes into frames. */
export class FrameReader {
  #waiting: Buffer = Buffer.alloc(0);
  #data: { readonly id: number; readonly fin: boolean; left: number } | undefined;

  /** The frames that are complete with this chunk. Throws when it is no SPDY/3. */
  *read(chunk: Buffer): Generator<Frame> {
    this.#waiting = this.#waiting.length === 0 ? chunk : Buffer.concat([this.#waiting, chunk]);
    for (;;) {
      const frame = this.#data === undefined ? this.#head() : this.#piece(this.#data);
      if (frame === 'incomplete') return;
      if (frame !== undefined) yield frame;
    }
  }

  #take(bytes: number): Buffer {
    const taken = this.#waiting.subarray(0, bytes);
    this.#waiting = this.#waiting.subarray(bytes);
    return taken;
  }

  #head(): Frame | undefined | 'incomplete' {
    if (this.#waiting.length < headBytes) return 'incomplete';
    const first = this.#waiting.readUInt32BE(0);
    const flags = this.#waiting.readUInt8(4);
    const length = this.#waiting.readUIntBE(5, 3);
    if (first < 0x8000_0000) {
      this.#take(headBytes);
      const [id, fin] = [first, (flags & finFlag) !== 0];
      if (length === 0) return { kind: 'data', id, data: Buffer.alloc(0), fin };
      this.#data = { id, fin, left: length };
      return undefined;
    }
    if (((first >>> 16) & 0x7fff) !== version) throw new SpdyError('the other side does not speak SPDY/3');
    if (length > maxControlBytes) throw new SpdyError(`a control frame of ${length} bytes`);
    if (this.#waiting.length < headBytes + length) return 'incomplete';
    this.#take(headBytes);
    return controlFrame(first & 0xffff, flags, this.#take(length));
  }

  #piece(data: { readonly id: number; readonly fin: boolean; left: number }): Frame | 'incomplete' {
    if (this.#waiting.length === 0) return 'incomplete';
    const piece = this.#take(data.left);
    data.left -= piece.length;
    const isLast = data.left === 0;
    if (isLast) this.#data = undefined;
    return { kind: 'data', id: data.id, data: piece, fin: isLast && data.fin };
  }
}

function control(type: number, flags: number, body: Buffer): Buffer {
  const head = Buffer.alloc(headBytes);
  head.writeUInt16BE(0x8000 | version, 0);
  head.writeUInt16BE(type, 2);
  head.writeUInt8(flags, 4);
  head.writeUIntBE(body.length, 5, 3);
  return Buffer.concat([head, body]);
}

function number(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, index) => bytes.writeUInt32BE(value >>> 0, 4 * index));
  return bytes;
}

/** The longest that a data frame can be is 2^24 - 1 bytes; chunks of streams are far from it. */
export function dataFrame(id: number, data: Buffer, fin: boolean): Buffer {
  const head = Buffer.alloc(headBytes);
  head.writeUInt32BE(id, 0);
  head.writeUInt8(fin ? finFlag : 0, 4);
  head.writeUIntBE(data.length, 5, 3);
  return Buffer.concat([head, data]);
}

export function openFrame(id: number, block: Buffer, fin: boolean): Buffer {
  return control(types.synStream, fin ? finFlag : 0, Buffer.concat([number(id, 0), Buffer.alloc(2), block]));
}

export function replyFrame(id: number, block: Buffer): Buffer {
  return control(types.synReply, 0, Buffer.concat([number(id), block]));
}

export function resetFrame(id: number, code: number): Buffer {
  return control(types.reset, 0, number(id, code));
}

export function pingFrame(id: number): Buffer {
  return control(types.ping, 0, number(id));
}
