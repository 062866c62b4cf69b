/**
 * Kubernetes' protobuf, inward only: clients generated with `--prefers-protobuf` (kubectl from 1.32 on) write so, and take
 * JSON back. Messages become the JSON that the same client would have sent.
 */
import { setOwnValue, type JsonObject } from '../../api/json-value.ts';
import { definitionForKind, definitions, fieldOf, type FieldSchema } from '../../api/schema/table.ts';
import { badRequest } from '../errors.ts';
import generated from './fields.gen.json' with { type: 'json' };
import { BadWire, readFields } from './wire.ts';

/** Every body begins with this: https://kubernetes.io/docs/reference/using-api/api-concepts/#protobuf-encoding */
const magic = Buffer.from('k8s\0');

/** How deep messages may nest; the deepest of the API's are about 15. */
const maxDepth = 64;

const table = generated as Readonly<Record<string, Readonly<Record<string, string>>>>;

/** The bytes of each field of a small message that is no definition of the table. */
function fieldsByNumber(bytes: Buffer): ReadonlyMap<number, number | Buffer> {
  return new Map([...readFields(bytes)].map(({ number, value }) => [number, value] as const));
}

function asBytes(value: number | Buffer | undefined): Buffer {
  if (typeof value === 'number') throw new BadWire('a message was expected, not a number');
  return value ?? Buffer.alloc(0);
}

const asText = (value: number | Buffer | undefined): string => asBytes(value).toString('utf8');
const asNumber = (value: number | Buffer | undefined): number => (typeof value === 'number' ? value : 0);

/** Time and MicroTime: seconds and nanoseconds; nothing at all is the zero time, which JSON writes as null. */
function decodeTime(bytes: Buffer, micro: boolean): string | undefined {
  const fields = fieldsByNumber(bytes);
  if (fields.size === 0) return undefined;
  const seconds = asNumber(fields.get(1));
  const base = new Date(seconds * 1000).toISOString().slice(0, 19);
  const micros = Math.floor(asNumber(fields.get(2)) / 1000);
  return micro ? `${base}.${String(micros).padStart(6, '0')}Z` : `${base}Z`;
}

function decodeIntOrString(bytes: Buffer): string | number {
  const fields = fieldsByNumber(bytes);
  return asNumber(fields.get(1)) === 1 ? asText(fields.get(3)) : asNumber(fields.get(2));
}

/** FieldsV1 and RawExtension carry JSON in their first field. */
function decodeAny(bytes: Buffer): unknown {
  const raw = asBytes(fieldsByNumber(bytes).get(1));
  try {
    return raw.length === 0 ? undefined : (JSON.parse(raw.toString()) as unknown);
  } catch {
    throw new BadWire('an embedded value is not JSON');
  }
}

function decodeValue(type: string, value: number | Buffer, depth: number): unknown {
  switch (type) {
    case 'boolean':
      return value === 1;
    case 'integer':
    case 'number':
      return asNumber(value);
    case 'string':
      return asText(value);
    case 'bytes':
      return asBytes(value).toString('base64');
    case 'time':
      return decodeTime(asBytes(value), false);
    case 'microTime':
      return decodeTime(asBytes(value), true);
    case 'quantity':
      return asText(fieldsByNumber(asBytes(value)).get(1));
    case 'intOrString':
      return decodeIntOrString(asBytes(value));
    case 'any':
      return decodeAny(asBytes(value));
    default:
      return decodeFields(type, type, asBytes(value), {}, depth + 1);
  }
}

/** One entry of a map: key in field 1, value in field 2. A list as value (`lists`) is wrapped in a message of its own. */
function addEntry(object: JsonObject, name: string, field: FieldSchema, bytes: Buffer, depth: number): void {
  const entry = fieldsByNumber(bytes);
  const value = entry.get(2) ?? Buffer.alloc(0);
  const map = (object[name] ??= {}) as JsonObject;
  const decoded =
    field.map === 'lists'
      ? [...readFields(asBytes(value))].map((item) => decodeValue(field.type, item.value, depth))
      : decodeValue(field.type, value, depth);
  setOwnValue(map, asText(entry.get(1)), decoded);
}

const isZero = (value: unknown): boolean => value === '' || value === 0 || value === false;

function addField(object: JsonObject, definition: string, tag: string, value: number | Buffer, depth: number): void {
  const name = tag.replace('?', '');
  const field = fieldOf(definition, name);
  if (field === undefined) return;
  if (field.map !== undefined) addEntry(object, name, field, asBytes(value), depth);
  else if (field.list === true) ((object[name] ??= []) as unknown[]).push(decodeValue(field.type, value, depth));
  else {
    const decoded = decodeValue(field.type, value, depth);
    // A Go field that is no pointer is always sent; JSON leaves out its zero.
    if (decoded !== undefined && !(tag.endsWith('?') && isZero(decoded))) object[name] = decoded;
  }
}

/** `numbers` is where the field numbers stand; an embedded message has its own, its fields are still the definition's. */
function decodeFields(
  definition: string,
  numbers: string,
  bytes: Buffer,
  object: JsonObject,
  depth: number,
): JsonObject {
  if (depth > maxDepth) throw new BadWire('messages are nested too deep');
  const tags = table[numbers] ?? {};
  for (const { number, value } of readFields(bytes)) {
    const tag = tags[number];
    if (tag === undefined) continue;
    if (tag.startsWith('>')) decodeFields(definition, tag.slice(1), asBytes(value), object, depth + 1);
    else addField(object, definition, tag, value, depth);
  }
  return object;
}

/** DeleteOptions go by the group and version of whom they delete. */
function definitionOf(apiVersion: string, kind: string): string | undefined {
  const slash = apiVersion.indexOf('/');
  const group = apiVersion.slice(0, Math.max(slash, 0));
  const name = definitionForKind(group, apiVersion.slice(slash + 1), kind);
  return name ?? (kind.endsWith('Options') && definitions.has(kind) ? kind : undefined);
}

function decodeUnknown(body: Buffer): JsonObject {
  const envelope = fieldsByNumber(body);
  const meta = fieldsByNumber(asBytes(envelope.get(1)));
  const apiVersion = asText(meta.get(1));
  const kind = asText(meta.get(2));
  const definition = definitionOf(apiVersion, kind);
  if (definition === undefined) throw badRequest(`no kind "${kind}" is registered for version "${apiVersion}"`);
  return decodeFields(definition, definition, asBytes(envelope.get(2)), { apiVersion, kind }, 0);
}

/** The object of a body of type application/vnd.kubernetes.protobuf. Throws 400. */
export function decodeProtobuf(body: Buffer): JsonObject {
  if (!body.subarray(0, magic.length).equals(magic)) throw badRequest('the body has no protobuf prefix');
  try {
    return decodeUnknown(body.subarray(magic.length));
  } catch (error) {
    // A RangeError: a time that no calendar has.
    if (error instanceof BadWire || error instanceof RangeError)
      throw badRequest(`the body cannot be decoded: ${error.message}`);
    throw error;
  }
}
