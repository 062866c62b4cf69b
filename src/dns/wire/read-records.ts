/** The answer section of somebody else's response as records, for those types that an address look-up gives: A, AAAA and CNAME. */
import { formatIP } from '../../api/addresses.ts';
import { readResponse } from './read-response.ts';
import { types, type RecordData, type ResourceRecord } from './types.ts';

/** A name may point to one before it; each pointer must lead further back, so that it ends. */
function readName(message: Buffer, start: number): { readonly name: string; readonly end: number } | undefined {
  const labels: string[] = [];
  let end: number | undefined;
  let limit = start;
  let length = 0;
  for (let at = start; ;) {
    const byte = message[at];
    if (byte === undefined) return undefined;
    if (byte === 0) return { name: labels.join('.'), end: end ?? at + 1 };
    if ((byte & 0xc0) === 0xc0) {
      const next = message[at + 1];
      if (next === undefined) return undefined;
      end ??= at + 2;
      at = ((byte & 0x3f) << 8) | next;
      if (at >= limit) return undefined;
      limit = at;
      continue;
    }
    length += byte + 1;
    if (byte > 63 || length > 255 || at + 1 + byte > message.length) return undefined;
    labels.push(message.toString('latin1', at + 1, at + 1 + byte).toLowerCase());
    at += 1 + byte;
  }
}

function addressData(type: number, bytes: Buffer): RecordData | undefined {
  const family = type === types.A ? 4 : 6;
  if (bytes.length !== (family === 4 ? 4 : 16)) return undefined;
  const value = BigInt(`0x${bytes.toString('hex')}`);
  return { type: family === 4 ? types.A : types.AAAA, address: formatIP({ family, value }) };
}

/** Undefined for what is no response; records of other types are left out. */
export function readAddressRecords(message: Buffer): readonly ResourceRecord[] | undefined {
  const facts = readResponse(message);
  if (facts === undefined) return undefined;
  const records: ResourceRecord[] = [];
  let at = facts.answerStart;
  for (let index = 0; index < facts.counts[0]; index += 1) {
    const owner = readName(message, at);
    if (owner === undefined) return undefined;
    const type = message.readUInt16BE(owner.end);
    const dataStart = owner.end + 10;
    const dataEnd = dataStart + message.readUInt16BE(owner.end + 8);
    const data =
      type === types.CNAME
        ? aliasData(message, dataStart)
        : type === types.A || type === types.AAAA
          ? addressData(type, message.subarray(dataStart, dataEnd))
          : undefined;
    if (data !== undefined) records.push({ name: owner.name, ttl: message.readUInt32BE(owner.end + 4), data });
    at = dataEnd;
  }
  return records;
}

function aliasData(message: Buffer, start: number): RecordData | undefined {
  const target = readName(message, start);
  return target === undefined ? undefined : { type: types.CNAME, target: target.name };
}
