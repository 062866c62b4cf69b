/**
 * Objects as bytes. A stored object is JSON that begins with its metadata and has no resourceVersion (that is the
 * store's revision), so that a reply is the stored bytes with the revision put in at a fixed place: nothing is parsed.
 */
import type { KubeObject } from '../../api/client.ts';
import type { StoredValue } from '../../store/contract.ts';

const start = '{"metadata":{';

/** What goes before the stored bytes from `start.length` on. */
const withRevision = (revision: number): string => `${start}"resourceVersion":"${revision}",`;

/** The bytes to store. The object must have some metadata, and has once the server has named it. */
export function encodeObject(object: KubeObject): Buffer {
  const { metadata, kind, apiVersion, ...rest } = object;
  const kept = { ...metadata };
  delete kept.resourceVersion;
  delete kept.managedFields;
  delete kept.selfLink;
  return Buffer.from(JSON.stringify({ metadata: kept, kind, apiVersion, ...rest }));
}

/** The object as a client reads it; revision 0 is that of an object which was never stored (dry run). */
export function encodedAt(value: Buffer, revision: number): Buffer {
  if (revision === 0) return value;
  const head = Buffer.from(withRevision(revision), 'latin1');
  return Buffer.concat([head, value.subarray(start.length)], head.length + value.length - start.length);
}

/** `before`, the objects with commas between them, `after`: one buffer, every object copied once. */
export function encodeItems(before: string, items: readonly StoredValue[], after: string): Buffer {
  const bound = withRevision(Number.MAX_SAFE_INTEGER).length + 1;
  const bytes = items.reduce((sum, { value }) => sum + value.length + bound, 0);
  const body = Buffer.allocUnsafeSlow(Buffer.byteLength(before) + bytes + Buffer.byteLength(after));
  let at = body.write(before);
  for (const [index, { value, modRevision }] of items.entries()) {
    at += body.write(`${index === 0 ? '' : ','}${withRevision(modRevision)}`, at, 'latin1');
    at += value.copy(body, at, start.length);
  }
  at += body.write(after, at);
  return body.subarray(0, at);
}

const generationSize = 4096;
let young = new Map<Buffer, KubeObject>();
let old = new Map<Buffer, KubeObject>();

/**
 * The stored bytes as an object, without resourceVersion. It is shared and must not be changed. What was asked for
 * lately is remembered: two generations, of which the older is dropped when the younger is full.
 */
export function decodeShared(value: Buffer): KubeObject {
  const known = young.get(value);
  if (known !== undefined) return known;
  const object = old.get(value) ?? (JSON.parse(value.toString()) as KubeObject);
  if (young.size >= generationSize) {
    old = young;
    young = new Map();
  }
  young.set(value, object);
  return object;
}

/** The same with its resourceVersion; only the top two levels are its own. */
export function objectAt<T extends KubeObject>(value: Buffer, revision: number): T {
  const object = decodeShared(value) as T;
  if (revision === 0) return object;
  return { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } };
}

/** A private copy that may be changed. */
export function decodePrivate({ value, modRevision }: StoredValue): KubeObject {
  const object = JSON.parse(value.toString()) as KubeObject;
  object.metadata.resourceVersion = String(modRevision);
  return object;
}
