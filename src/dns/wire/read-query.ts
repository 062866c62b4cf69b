/** Reads a query from bytes that anybody may have sent: bounded, and an error says what is wrong. */
import { types, type Edns, type Query } from './types.ts';

/** A message that is no query we can answer. `id` is set when there is somebody to tell. */
export class MalformedQuery extends Error {
  override readonly name = 'MalformedQuery';
  readonly id: number | undefined;

  constructor(message: string, id: number | undefined) {
    super(message);
    this.id = id;
  }
}

const headerBytes = 12;
const maxNameBytes = 255;

interface Read<T> {
  readonly value: T;
  /** Where the next field begins. */
  readonly end: number;
}

/** A name in full: a question has nothing before it that it could point to. */
function readName(message: Buffer, start: number, id: number): Read<string> {
  let at = start;
  const labels: string[] = [];
  for (;;) {
    const length = message[at];
    if (length === undefined) throw new MalformedQuery('the name is cut short', id);
    if (length === 0) break;
    if (length > 63) throw new MalformedQuery('a label is longer than 63 bytes, or points somewhere', id);
    const end = at + 1 + length;
    if (end > message.length || end - start > maxNameBytes) throw new MalformedQuery('the name is too long', id);
    labels.push(message.toString('latin1', at + 1, end).toLowerCase());
    at = end;
  }
  return { value: labels.join('.'), end: at + 1 };
}

/** A dot inside a label would read as two labels: nothing in a cluster has one, so it is asked for by nobody honest. */
function checkedLabels(message: Buffer, start: number, name: string, id: number): void {
  let labels = 0;
  for (let at = start; (message[at] ?? 0) > 0; at += 1 + (message[at] ?? 0)) labels += 1;
  if (name !== '' && name.split('.').length !== labels) throw new MalformedQuery('a label has a dot in it', id);
}

/** The OPT record, when the additional section has one at its beginning; other records there are not looked at. */
function readEdns(message: Buffer, start: number, additional: number, id: number): Edns | undefined {
  if (additional === 0) return undefined;
  if (message[start] !== 0 || message.length < start + 11) {
    if (message.length < start + 11) throw new MalformedQuery('the additional section is cut short', id);
    return undefined;
  }
  if (message.readUInt16BE(start + 1) !== types.OPT) return undefined;
  const dataEnd = start + 11 + message.readUInt16BE(start + 9);
  if (dataEnd > message.length) throw new MalformedQuery('the OPT record is cut short', id);
  return {
    payloadSize: message.readUInt16BE(start + 3),
    version: message[start + 6] ?? 0,
    dnssecOk: ((message[start + 7] ?? 0) & 0x80) !== 0,
  };
}

/** Throws a MalformedQuery for what is none; a response (QR set) has no `id`, so that two servers never answer each other. */
export function readQuery(message: Buffer): Query {
  if (message.length < headerBytes) throw new MalformedQuery('shorter than a header', undefined);
  const id = message.readUInt16BE(0);
  const flags = message.readUInt16BE(2);
  if ((flags & 0x8000) !== 0) throw new MalformedQuery('a response', undefined);
  if (message.readUInt16BE(4) !== 1) throw new MalformedQuery('not exactly one question', id);
  if (message.readUInt16BE(6) !== 0) throw new MalformedQuery('a query with answers', id);
  const name = readName(message, headerBytes, id);
  if (message.length < name.end + 4) throw new MalformedQuery('the question is cut short', id);
  checkedLabels(message, headerBytes, name.value, id);
  const end = name.end + 4;
  return {
    id,
    opcode: (flags >> 11) & 0xf,
    recursionDesired: (flags & 0x0100) !== 0,
    question: { name: name.value, type: message.readUInt16BE(name.end), class: message.readUInt16BE(name.end + 2) },
    rawQuestion: message.subarray(headerBytes, end),
    edns: readEdns(message, end, message.readUInt16BE(10), id),
  };
}
