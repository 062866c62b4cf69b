/** Writes a response: names are compressed (RFC 1035 4.1.4), and what does not fit is cut off with TC set. */
import { parseIP } from '../../api/addresses.ts';
import { classIN, types, type Answer, type Query, type RecordData, type ResourceRecord } from './types.ts';

const headerBytes = 12;
/** What fits any asker without EDNS. */
export const plainPayload = 512;
/** The largest datagram we send: no fragments on any usual link (DNS flag day 2020). */
export const maxPayload = 1232;
/** With a length of two bytes before it (RFC 1035 4.2.2). */
export const maxStreamMessage = 65_535;

const flag = {
  response: 0x8000,
  authoritative: 0x0400,
  truncated: 0x0200,
  recursionDesired: 0x0100,
  recursion: 0x0080,
};

/** The place is the caller's: enough for any message. Reused, since writing never waits. */
const scratch = Buffer.alloc(maxStreamMessage + 512);

class Writer {
  at = headerBytes;
  readonly #seen = new Map<string, number>();

  name(name: string): void {
    for (let rest = name; rest !== '';) {
      const known = this.#seen.get(rest);
      if (known !== undefined) {
        this.uint16(0xc000 | known);
        return;
      }
      if (this.at < 0x4000) this.#seen.set(rest, this.at);
      const dot = rest.indexOf('.');
      const label = dot < 0 ? rest : rest.slice(0, dot);
      scratch[this.at] = label.length;
      this.at += 1 + scratch.write(label, this.at + 1, 'latin1');
      rest = dot < 0 ? '' : rest.slice(dot + 1);
    }
    this.uint8(0);
  }

  /** Without pointers, as RFC 2782 wants it for SRV. */
  wholeName(name: string): void {
    for (const label of name === '' ? [] : name.split('.')) {
      this.uint8(label.length);
      this.at += scratch.write(label, this.at, 'latin1');
    }
    this.uint8(0);
  }

  /** Names written as raw bytes count as seen too: the question is what most names end with. */
  question(raw: Buffer, name: string): void {
    raw.copy(scratch, this.at);
    let at = this.at;
    for (let rest = name; rest !== '';) {
      this.#seen.set(rest, at);
      const dot = rest.indexOf('.');
      at += 1 + (dot < 0 ? rest.length : dot);
      rest = dot < 0 ? '' : rest.slice(dot + 1);
    }
    this.at += raw.length;
  }

  uint8(value: number): void {
    scratch[this.at] = value;
    this.at += 1;
  }

  uint16(value: number): void {
    this.at = scratch.writeUInt16BE(value & 0xffff, this.at);
  }

  uint32(value: number): void {
    this.at = scratch.writeUInt32BE(value >>> 0, this.at);
  }

  record({ name, ttl, data }: ResourceRecord): void {
    this.name(name);
    this.uint16(data.type);
    this.uint16(classIN);
    this.uint32(ttl);
    const lengthAt = this.at;
    this.at += 2;
    this.data(data);
    scratch.writeUInt16BE(this.at - lengthAt - 2, lengthAt);
  }

  data(data: RecordData): void {
    switch (data.type) {
      case types.A:
      case types.AAAA:
        return this.address(data.address);
      case types.CNAME:
      case types.NS:
      case types.PTR:
        return this.name(data.target);
      case types.SRV:
        this.uint16(data.priority);
        this.uint16(data.weight);
        this.uint16(data.port);
        return this.wholeName(data.target);
      case types.TXT:
        this.uint8(data.text.length);
        this.at += scratch.write(data.text, this.at, 'latin1');
        return;
      case types.SOA:
        this.name(data.primary);
        this.name(data.mailbox);
        for (const value of [data.serial, 7200, 1800, 86_400, data.minimum]) this.uint32(value);
    }
  }

  address(text: string): void {
    const address = parseIP(text);
    if (address === undefined) throw new Error(`${text}: not an address`);
    const bytes = address.family === 4 ? 4 : 16;
    for (let index = bytes - 1, { value } = address; index >= 0; index -= 1, value >>= 8n)
      scratch[this.at + index] = Number(value & 0xffn);
    this.at += bytes;
  }

  opt(rcode: number, dnssecOk: boolean): void {
    this.at += optRecord(rcode, dnssecOk).copy(scratch, this.at);
  }
}

const optBytes = 11;

/** Our own: the size we take, and the asker's DO bit (RFC 3225 3). */
function optRecord(rcode: number, dnssecOk: boolean): Buffer {
  const record = Buffer.alloc(optBytes);
  record.writeUInt16BE(types.OPT, 1);
  record.writeUInt16BE(maxPayload, 3);
  record[5] = rcode >> 4;
  if (dnssecOk) record[7] = 0x80;
  return record;
}

/** Somebody else's message that has no OPT record, with ours behind it. */
export function withOpt(message: Buffer, dnssecOk: boolean): Buffer {
  const whole = Buffer.concat([message, optRecord(0, dnssecOk)]);
  whole.writeUInt16BE(message.readUInt16BE(10) + 1, 10);
  return whole;
}

/** The asker's flags that are sent back, and ours. */
function flagsOf(query: Query, { rcode, authoritative }: Answer, truncated: boolean): number {
  return (
    flag.response |
    (query.opcode << 11) |
    (authoritative ? flag.authoritative : 0) |
    (truncated ? flag.truncated : 0) |
    (query.recursionDesired ? flag.recursionDesired : 0) |
    flag.recursion |
    (rcode & 0xf)
  );
}

/** Bytes that an asker takes in one datagram. */
export function datagramLimit({ edns }: Query): number {
  return edns === undefined ? plainPayload : Math.min(Math.max(edns.payloadSize, plainPayload), maxPayload);
}

/**
 * The message as a buffer of its own. Additional records that do not fit are left out; answers or authority that do not fit set
 * TC, so that the asker comes again by TCP.
 */
export function writeResponse(query: Query, answer: Answer, limit: number): Buffer {
  const writer = new Writer();
  writer.question(query.rawQuestion, query.question.name);
  const room = limit - (query.edns === undefined ? 0 : optBytes);
  let truncated = false;
  const counts = [answer.answers, answer.authority, answer.additional].map((records, section) => {
    let count = 0;
    for (const record of records) {
      if (truncated) break;
      const before = writer.at;
      writer.record(record);
      if (writer.at > room) {
        writer.at = before;
        truncated = section < 2;
        break;
      }
      count += 1;
    }
    return count;
  });
  if (query.edns !== undefined) writer.opt(answer.rcode, query.edns.dnssecOk);
  scratch.writeUInt16BE(query.id, 0);
  scratch.writeUInt16BE(flagsOf(query, answer, truncated), 2);
  scratch.writeUInt16BE(1, 4);
  counts.forEach((count, index) => scratch.writeUInt16BE(count, 6 + 2 * index));
  if (query.edns !== undefined) scratch.writeUInt16BE((counts[2] ?? 0) + 1, 10);
  return Buffer.from(scratch.subarray(0, writer.at));
}

/** A header and nothing else, for a message whose question could not be read. */
export function writeFailure(id: number, rcode: number): Buffer {
  const message = Buffer.alloc(headerBytes);
  message.writeUInt16BE(id, 0);
  message.writeUInt16BE(flag.response | rcode, 2);
  return message;
}
