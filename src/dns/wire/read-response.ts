/** What must be known of somebody else's response to pass it on and to keep it: bounded, since anybody may have sent it. */
import { types } from './types.ts';

type Counts = readonly [answers: number, authority: number, additional: number];

export interface ResponseFacts {
  readonly id: number;
  readonly rcode: number;
  readonly truncated: boolean;
  /** The question section, as bytes in lower case: it must be the one that was asked. */
  readonly question: string;
  readonly hasOpt: boolean;
  /** Where each TTL stands, OPT's left out. */
  readonly ttlOffsets: readonly number[];
  /** Seconds that it may be kept: the least TTL, and for a negative answer no more than its SOA says (RFC 2308). 0: not at all. */
  readonly keepSeconds: number;
  /** Where the answer section begins, and how many records each section has. */
  readonly answerStart: number;
  readonly counts: Counts;
}

const maxRecords = 4096;

/** Where the name that begins at `start` ends; undefined when it does not. Pointers are not followed. */
function nameEnd(message: Buffer, start: number): number | undefined {
  for (let at = start; at < message.length;) {
    const length = message[at] ?? 0;
    if (length === 0) return at + 1;
    if ((length & 0xc0) === 0xc0) return at + 2 <= message.length ? at + 2 : undefined;
    if (length > 63) return undefined;
    at += 1 + length;
  }
  return undefined;
}

interface SectionFacts {
  readonly hasOpt: boolean;
  readonly ttlOffsets: readonly number[];
  readonly least: number;
}

/** Walks all records; undefined when one is cut short. */
function readRecords(
  message: Buffer,
  start: number,
  [answers, authority, additional]: Counts,
): SectionFacts | undefined {
  const ttlOffsets: number[] = [];
  let least = Number.POSITIVE_INFINITY;
  let hasOpt = false;
  let at = start;
  for (let index = 0; index < answers + authority + additional; index += 1) {
    const end = nameEnd(message, at);
    if (end === undefined || end + 10 > message.length) return undefined;
    const next = end + 10 + message.readUInt16BE(end + 8);
    if (next > message.length) return undefined;
    const type = message.readUInt16BE(end);
    at = next;
    hasOpt ||= type === types.OPT;
    if (type === types.OPT) continue;
    ttlOffsets.push(end + 4);
    least = Math.min(least, message.readUInt32BE(end + 4));
    if (answers === 0 && index < authority && type === types.SOA)
      least = Math.min(least, message.readUInt32BE(next - 4));
  }
  return { hasOpt, ttlOffsets, least };
}

/** Undefined for what is no whole response. */
export function readResponse(message: Buffer): ResponseFacts | undefined {
  if (message.length < 12 || message.readUInt16BE(4) !== 1) return undefined;
  const flags = message.readUInt16BE(2);
  const nameEndsAt = nameEnd(message, 12);
  const answerStart = (nameEndsAt ?? message.length) + 4;
  if ((flags & 0x8000) === 0 || answerStart > message.length) return undefined;
  const counts: Counts = [message.readUInt16BE(6), message.readUInt16BE(8), message.readUInt16BE(10)];
  const records =
    counts[0] + counts[1] + counts[2] > maxRecords ? undefined : readRecords(message, answerStart, counts);
  if (records === undefined) return undefined;
  const rcode = flags & 0xf;
  const truncated = (flags & 0x0200) !== 0;
  const isKept = (rcode === 0 || rcode === 3) && records.ttlOffsets.length > 0 && !truncated;
  return {
    id: message.readUInt16BE(0),
    rcode,
    truncated,
    question: message.toString('latin1', 12, answerStart).toLowerCase(),
    hasOpt: records.hasOpt,
    ttlOffsets: records.ttlOffsets,
    keepSeconds: isKept ? records.least : 0,
    answerStart,
    counts,
  };
}
