/**
 * How the log lies on disk: frames, one a commit, each holding the records that became durable together.
 *
 *   frame  = mark (4) length (4) crc32 of the body (4) crc32 of these 12 bytes (4) body
 *   body   = record…
 *   record = type (1) revision (6) createRevision (6) key length (2) value length (4) key value
 *
 * All numbers big-endian. The mark holds bytes that UTF-8 never uses, so that no stored object can look like a frame.
 */
import { crc32 } from 'node:zlib';

export type RecordType = 'put' | 'delete' | 'revision';

/** One change. `revision` records carry no key: they say how far the counter had come when the file was rewritten. */
export interface LogRecord {
  readonly type: RecordType;
  readonly revision: number;
  readonly createRevision: number;
  readonly key: string;
  readonly value: Buffer;
}

const mark = Buffer.from([0xff, 0x50, 0x57, 0xfe]);
const frameHeader = 16;
const recordHeader = 19;
const types: readonly RecordType[] = ['put', 'delete', 'revision'];

/** A bad frame with good ones after it: that is no torn end but damage, and nothing is cut. */
export class StoreDamaged extends Error {
  override readonly name = 'StoreDamaged';
}

/** Bytes a record takes in a frame. */
export function recordBytes(record: LogRecord): number {
  return recordHeader + Buffer.byteLength(record.key) + record.value.length;
}

/** The chunks of one frame, ready for one vectored write; values are not copied. */
export function encodeFrame(records: readonly LogRecord[]): Buffer[] {
  const chunks: Buffer[] = [Buffer.alloc(frameHeader)];
  let crc = 0;
  let length = 0;
  const push = (chunk: Buffer): void => {
    crc = crc32(chunk, crc);
    length += chunk.length;
    chunks.push(chunk);
  };
  for (const record of records) {
    const keyLength = Buffer.byteLength(record.key);
    const head = Buffer.allocUnsafe(recordHeader + keyLength);
    head.writeUInt8(types.indexOf(record.type), 0);
    head.writeUIntBE(record.revision, 1, 6);
    head.writeUIntBE(record.createRevision, 7, 6);
    head.writeUInt16BE(keyLength, 13);
    head.writeUInt32BE(record.value.length, 15);
    head.write(record.key, recordHeader);
    push(head);
    if (record.value.length > 0) push(record.value);
  }
  const header = chunks[0] as Buffer;
  mark.copy(header);
  header.writeUInt32BE(length, 4);
  header.writeUInt32BE(crc, 8);
  header.writeUInt32BE(crc32(header.subarray(0, 12)), 12);
  return chunks;
}

/** The frame at `offset`: its body's place, or undefined when there is no whole, sound frame. */
function frameAt(file: Buffer, offset: number): { readonly start: number; readonly end: number } | undefined {
  const start = offset + frameHeader;
  if (start > file.length || file.compare(mark, 0, mark.length, offset, offset + mark.length) !== 0) return undefined;
  if (file.readUInt32BE(offset + 12) !== crc32(file.subarray(offset, offset + 12))) return undefined;
  const end = start + file.readUInt32BE(offset + 4);
  if (end > file.length || file.readUInt32BE(offset + 8) !== crc32(file.subarray(start, end))) return undefined;
  return { start, end };
}

function* decodeBody(body: Buffer): Generator<LogRecord> {
  for (let at = 0; at < body.length;) {
    const keyStart = at + recordHeader;
    const valueStart = keyStart + body.readUInt16BE(at + 13);
    const end = valueStart + body.readUInt32BE(at + 15);
    const type = types[body.readUInt8(at)];
    if (type === undefined || end > body.length)
      throw new StoreDamaged('a sound frame holds a record that makes no sense');
    yield {
      type,
      revision: body.readUIntBE(at + 1, 6),
      createRevision: body.readUIntBE(at + 7, 6),
      key: body.toString('utf8', keyStart, valueStart),
      // A copy of its own, so that one live value does not keep the whole file in memory.
      value: Buffer.from(new Uint8Array(body.subarray(valueStart, end)).buffer),
    };
    at = end;
  }
}

function refuseDamage(file: Buffer, badAt: number): void {
  for (let at = file.indexOf(mark, badAt + 1); at !== -1; at = file.indexOf(mark, at + 1)) {
    if (frameAt(file, at) === undefined) continue;
    throw new StoreDamaged(
      `the frame at byte ${badAt} is damaged, yet a sound one follows at byte ${at}: restore from a copy`,
    );
  }
}

/**
 * Reads frames from `offset` to the end and hands every record over in order. Answers the offset after the last sound
 * frame: what lies beyond was being written when its writer died, was never acknowledged, and is to be cut off.
 * Throws StoreDamaged when sound frames follow a bad one.
 */
export function readFrames(file: Buffer, offset: number, onRecord: (record: LogRecord) => void): number {
  let at = offset;
  while (at < file.length) {
    const frame = frameAt(file, at);
    if (frame === undefined) {
      refuseDamage(file, at);
      break;
    }
    for (const record of decodeBody(file.subarray(frame.start, frame.end))) onRecord(record);
    at = frame.end;
  }
  return at;
}
