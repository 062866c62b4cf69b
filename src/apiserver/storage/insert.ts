/** Puts a new object into the store. */
import { randomUUID } from 'node:crypto';
import type { KubeObject } from '../../api/client.ts';
import { formatTime } from '../../api/time.ts';
import { StoreConflict, type StoredValue } from '../../store/contract.ts';
import { alreadyExists } from '../errors.ts';
import { generatedName } from '../generated-name.ts';
import { contextOf, type Machinery } from '../machinery.ts';
import type { ResourceRequest } from '../request.ts';
import type { Allocation, StrategyContext } from '../resource.ts';
import { invalidObject } from '../validation/refusal.ts';
import { encodeObject } from './codec.ts';
import { keyOf } from './keys.ts';

/** What only the server may say. */
function setSystemFields(object: KubeObject, now: Date): void {
  const { metadata } = object;
  delete metadata.deletionTimestamp;
  delete metadata.deletionGracePeriodSeconds;
  delete metadata.selfLink;
  delete metadata.managedFields;
  delete metadata.generation;
  metadata.uid = randomUUID();
  metadata.creationTimestamp = formatTime(now);
  if ((metadata.name ?? '') === '' && metadata.generateName) metadata.name = generatedName(metadata.generateName);
}

function prepare(machinery: Machinery, request: ResourceRequest, object: KubeObject, context: StrategyContext): void {
  const { row } = request;
  setSystemFields(object, context.now);
  row.strategy.setDefaults?.(object);
  machinery.admit(row, object, undefined, context);
  row.strategy.prepareForCreate?.(object, context);
  const errors = row.strategy.validate(object, context);
  if (errors.length > 0) throw invalidObject(row.type, object.metadata.name ?? '', errors);
}

/** Writes what was prepared. With dry run nothing is written and the revision is 0. */
async function write(
  machinery: Machinery,
  request: ResourceRequest,
  object: KubeObject,
  context: StrategyContext,
): Promise<StoredValue> {
  const { row } = request;
  const name = object.metadata.name ?? '';
  const key = keyOf(row.type, object.metadata.namespace, name);
  if (machinery.store.latest.get(key) !== undefined) throw alreadyExists(row.type, name);
  const allocation: Allocation | undefined = row.strategy.allocate?.(object, undefined, context);
  try {
    const value = encodeObject(object);
    if (request.dryRun) {
      allocation?.rollback();
      return { key, value, modRevision: 0, createRevision: 0 };
    }
    const stored = await machinery.store.put(key, value, 0);
    allocation?.commit();
    return stored;
  } catch (error) {
    allocation?.rollback();
    if (error instanceof StoreConflict) throw alreadyExists(row.type, name);
    throw error;
  }
}

/**
 * Names, defaults, admits, validates and writes an object that has its namespace; a name generated twice is generated
 * anew. Rejects with 409 AlreadyExists, 422 Invalid, or what admission says.
 */
export async function insertObject(
  machinery: Machinery,
  request: ResourceRequest,
  object: KubeObject,
): Promise<StoredValue> {
  const context = contextOf(machinery, { ...request, subresource: request.path.subresource });
  await machinery.patience(request.row, object);
  const generated = (object.metadata.name ?? '') === '' && (object.metadata.generateName ?? '') !== '';
  for (let attempt = 1; ; attempt++) {
    const copy = generated ? structuredClone(object) : object;
    prepare(machinery, request, copy, context);
    try {
      return await write(machinery, request, copy, context);
    } catch (error) {
      const taken = (error as { status?: { reason?: string } }).status?.reason === 'AlreadyExists';
      if (!generated || !taken || attempt === 8) throw error;
    }
  }
}
