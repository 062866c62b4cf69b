/** Reads an object, changes it, writes it back; again from the start when somebody else was faster. */
import type { KubeObject } from '../../api/client.ts';
import { jsonEqual } from '../../api/json-value.ts';
import { StoreConflict, type StoredValue } from '../../store/contract.ts';
import { conflict, staleVersion } from '../errors.ts';
import { contextOf, type Machinery } from '../machinery.ts';
import type { ResourceRequest } from '../request.ts';
import type { ResourceRow, StrategyContext } from '../resource.ts';
import { invalidObject, objectNotFound } from '../validation/refusal.ts';
import { decodeShared, encodeObject, objectAt } from './codec.ts';
import { keyOf } from './keys.ts';

const maxAttempts = 100;

/** Which of the strategy's functions prepare the write. */
export type Part = 'main' | 'status' | 'finalize' | 'approval';

/** The object asked for. Throws 404. */
export function storedObject(machinery: Machinery, request: ResourceRequest): StoredValue {
  const { row, path } = request;
  const stored = machinery.store.latest.get(keyOf(row.type, path.namespace, path.name));
  if (stored === undefined) throw objectNotFound(row.type, path.name);
  return stored;
}

/** Keeps what no client may change; throws 409 when the client meant another version or another object. */
function keepSystemFields(row: ResourceRow, object: KubeObject, old: KubeObject): void {
  const { metadata } = object;
  const name = old.metadata.name ?? '';
  const { resourceVersion = '', uid = '' } = metadata;
  if (uid !== '' && uid !== old.metadata.uid) {
    const why = `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${old.metadata.uid}`;
    throw conflict(row.type, name, why);
  }
  if (resourceVersion !== '' && resourceVersion !== '0' && resourceVersion !== old.metadata.resourceVersion) {
    throw staleVersion(row.type, name);
  }
  const { uid: oldUid, creationTimestamp, deletionTimestamp, deletionGracePeriodSeconds, generation } = old.metadata;
  Object.assign(metadata, { uid: oldUid, resourceVersion: old.metadata.resourceVersion, generation });
  metadata.creationTimestamp ??= creationTimestamp;
  metadata.deletionTimestamp ??= deletionTimestamp;
  metadata.deletionGracePeriodSeconds ??= deletionGracePeriodSeconds;
  delete metadata.selfLink;
  delete metadata.managedFields;
}

function prepare(
  machinery: Machinery,
  row: ResourceRow,
  part: Part,
  [object, old]: readonly [KubeObject, KubeObject],
  context: StrategyContext,
): void {
  const { strategy } = row;
  keepSystemFields(row, object, old);
  strategy.setDefaults?.(object);
  machinery.admit(row, object, old, context);
  if (part === 'main') strategy.prepareForUpdate?.(object, old, context);
  else if (part === 'status') strategy.prepareForStatusUpdate?.(object, old, context);
  else if (part === 'approval') strategy.prepareForApprovalUpdate?.(object, old, context);
  else strategy.prepareForFinalizeUpdate?.(object, old, context);
  const errors = [...strategy.validate(object, context), ...(strategy.validateUpdate?.(object, old, context) ?? [])];
  if (errors.length > 0) throw invalidObject(row.type, old.metadata.name ?? '', errors);
}

/** All that keeps an object that is marked for deletion. */
export function finalizersOf(row: ResourceRow, object: KubeObject): readonly string[] {
  return [...(object.metadata.finalizers ?? []), ...(row.strategy.finalizers?.(object) ?? [])];
}

function mayGo(row: ResourceRow, object: KubeObject): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds } = object.metadata;
  if (deletionTimestamp === undefined || (deletionGracePeriodSeconds ?? 0) > 0) return false;
  return finalizersOf(row, object).length === 0;
}

/** Takes it out of the store, and gives back what it held. Rejects with StoreConflict. */
export async function removeStored(machinery: Machinery, row: ResourceRow, stored: StoredValue): Promise<StoredValue> {
  const { revision, value } = await machinery.store.delete(stored.key, stored.modRevision);
  row.strategy.release?.(decodeShared(value));
  return { ...stored, value, modRevision: revision };
}

/** Writes `object` over `stored`, or takes it out when nothing holds it any more. Rejects with StoreConflict. */
export async function writeOver(
  machinery: Machinery,
  row: ResourceRow,
  stored: StoredValue,
  object: KubeObject,
): Promise<StoredValue> {
  const value = encodeObject(object);
  if (mayGo(row, object)) {
    const removed = await removeStored(machinery, row, stored);
    return { ...removed, value };
  }
  if (value.equals(stored.value) || jsonEqual(JSON.parse(value.toString()), decodeShared(stored.value))) return stored;
  return machinery.store.put(stored.key, value, stored.modRevision);
}

async function attempt(
  machinery: Machinery,
  request: ResourceRequest,
  part: Part,
  change: (old: KubeObject) => KubeObject,
): Promise<StoredValue> {
  const { row } = request;
  const context = contextOf(machinery, { ...request, subresource: request.path.subresource });
  const stored = storedObject(machinery, request);
  const old = objectAt(stored.value, stored.modRevision);
  const object = change(old);
  prepare(machinery, row, part, [object, old], context);
  const allocation = part === 'main' ? row.strategy.allocate?.(object, old, context) : undefined;
  try {
    if (request.dryRun) {
      allocation?.rollback();
      return { ...stored, value: encodeObject(object) };
    }
    const written = await writeOver(machinery, row, stored, object);
    allocation?.commit();
    return written;
  } catch (error) {
    allocation?.rollback();
    throw error;
  }
}

async function retried(request: ResourceRequest, attempt: () => Promise<StoredValue>): Promise<StoredValue> {
  for (let count = 1; ; count++) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof StoreConflict)) throw error;
      if (count === maxAttempts) throw staleVersion(request.row.type, request.path.name);
    }
  }
}

/**
 * `change` answers the new object, which must be a private one; it is called again with the newer object when the write
 * met another. Rejects with 404, 409 (the new object names a resourceVersion or uid that is not the stored one's), 422.
 */
export async function modifyObject(
  machinery: Machinery,
  request: ResourceRequest,
  part: Part,
  change: (old: KubeObject) => KubeObject,
): Promise<StoredValue> {
  return retried(request, () => attempt(machinery, request, part, change));
}

/** The same past the strategy, for subresources that may write what no client may (a pod's node). */
export async function rewriteObject(
  machinery: Machinery,
  request: ResourceRequest,
  change: (old: KubeObject) => KubeObject,
): Promise<StoredValue> {
  return retried(request, async () => {
    const stored = storedObject(machinery, request);
    const object = change(objectAt(stored.value, stored.modRevision));
    return request.dryRun ? stored : writeOver(machinery, request.row, stored, object);
  });
}
