/** The protobuf wire format: https://protobuf.dev/programming-guides/encoding/ */

export interface WireField {
  readonly number: number;
  /** A number for varints and 64-bit values (read as double), bytes for what has a length. */
  readonly value: number | Buffer;
}

/** The bytes are no protobuf message. */
export class BadWire extends Error {
  override readonly name = 'BadWire';
}

/** A varint as a signed 64-bit number, exact up to 2^53, and where it ends. */
function readVarint(bytes: Buffer, start: number): { readonly value: number; readonly end: number } {
  let bits = 0n;
  for (let at = start; at < start + 10; at++) {
    const byte = bytes[at];
    if (byte === undefined) throw new BadWire('a varint ends early');
    bits |= BigInt(byte & 0x7f) << BigInt(7 * (at - start));
    if (byte < 0x80) return { value: Number(BigInt.asIntN(64, bits)), end: at + 1 };
  }
  throw new BadWire('a varint is too long');
}

function slice(bytes: Buffer, start: number, length: number): Buffer {
  if (length < 0 || start + length > bytes.length) throw new BadWire('a field ends early');
  return bytes.subarray(start, start + length);
}

/** The fields of a message in order. Throws BadWire. */
export function* readFields(bytes: Buffer): Generator<WireField> {
  for (let at = 0; at < bytes.length;) {
    const tag = readVarint(bytes, at);
    const number = Math.floor(tag.value / 8);
    const type = tag.value % 8;
    const varint = type === 0 || type === 2 ? readVarint(bytes, tag.end) : { value: 0, end: tag.end };
    if (type === 0) {
      yield { number, value: varint.value };
      at = varint.end;
    } else if (type === 2) {
      yield { number, value: slice(bytes, varint.end, varint.value) };
      at = varint.end + varint.value;
    } else if (type === 1) {
      yield { number, value: slice(bytes, tag.end, 8).readDoubleLE() };
      at = tag.end + 8;
    } else throw new BadWire(`wire type ${type} is not used by Kubernetes`);
  }
}
