/**
 * Deletes an object, or marks it: a grace period that somebody else has to end (pods on a node), or finalizers.
 * Dependents are the garbage collector's: `orphan` and `foregroundDeletion` are finalizers that it works off.
 */
import type { DeleteOptions, KubeObject } from '../../api/client.ts';
import { formatTime } from '../../api/time.ts';
import { StoreConflict, type StoredValue } from '../../store/contract.ts';
import { conflict, staleVersion } from '../errors.ts';
import { contextOf, type Machinery } from '../machinery.ts';
import type { User } from '../request.ts';
import type { ResourceRow } from '../resource.ts';
import { objectNotFound } from '../validation/refusal.ts';
import { decodePrivate } from './codec.ts';
import { finalizersOf, removeStored, writeOver } from './modify.ts';

const maxAttempts = 100;

export interface DeleteRequest {
  readonly options: DeleteOptions;
  readonly dryRun: boolean;
  readonly user: User;
  /** `eviction`, or nothing. */
  readonly subresource?: string;
}

export interface Deleted {
  /** The object as it is now, or as it last was. */
  readonly stored: StoredValue;
  /** False while a grace period or a finalizer holds it. */
  readonly gone: boolean;
}

function checkPreconditions(row: ResourceRow, object: KubeObject, { preconditions }: DeleteOptions): void {
  const { name = '', uid, resourceVersion } = object.metadata;
  const differs = (what: string, wanted: string | undefined, is: string | undefined): void => {
    if (wanted === undefined || wanted === is) return;
    const why = `Precondition failed: ${what} in precondition: ${wanted}, ${what} in object meta: ${is}`;
    throw conflict(row.type, name, why);
  };
  differs('UID', preconditions?.uid, uid);
  differs('ResourceVersion', preconditions?.resourceVersion, resourceVersion);
}

/** What the propagation policy makes of the object's finalizers; without a policy they stay. */
function setPropagation({ metadata }: KubeObject, policy: DeleteOptions['propagationPolicy']): void {
  if (policy === undefined) return;
  const others = (metadata.finalizers ?? []).filter((each) => each !== 'orphan' && each !== 'foregroundDeletion');
  if (policy === 'Orphan') others.push('orphan');
  if (policy === 'Foreground') others.push('foregroundDeletion');
  if (others.length > 0) metadata.finalizers = others;
  else delete metadata.finalizers;
}

/** Finalizers that an earlier DELETE or the object's owner set say it as well. */
function propagationOf(
  row: ResourceRow,
  { metadata }: KubeObject,
  options: DeleteOptions,
): DeleteOptions['propagationPolicy'] {
  const isSaid = metadata.finalizers?.some((each) => each === 'orphan' || each === 'foregroundDeletion') === true;
  return options.propagationPolicy ?? (isSaid ? undefined : row.strategy.defaultPropagation);
}

/** Sets the time of deletion; a second DELETE may bring it forward, never put it off. */
function setDeletion(row: ResourceRow, object: KubeObject, grace: number, now: Date): void {
  const { metadata } = object;
  const { deletionTimestamp, deletionGracePeriodSeconds: before = 0 } = metadata;
  if (deletionTimestamp === undefined) {
    metadata.deletionTimestamp = formatTime(new Date(now.getTime() + grace * 1000));
    metadata.deletionGracePeriodSeconds = grace;
    if (metadata.generation !== undefined) metadata.generation++;
    row.strategy.prepareForDelete?.(object);
  } else if (grace < before) {
    metadata.deletionTimestamp = formatTime(new Date(Date.parse(deletionTimestamp) - (before - grace) * 1000));
    metadata.deletionGracePeriodSeconds = grace;
  }
}

async function attempt(
  machinery: Machinery,
  row: ResourceRow,
  stored: StoredValue,
  { options, dryRun, user, subresource = '' }: DeleteRequest,
): Promise<Deleted> {
  const object = decodePrivate(stored);
  checkPreconditions(row, object, options);
  machinery.admitDelete(row, object, contextOf(machinery, { user, dryRun, subresource }));
  const grace = row.strategy.gracePeriodSeconds?.(object, options) ?? 0;
  setPropagation(object, propagationOf(row, object, options));
  const gone = grace === 0 && finalizersOf(row, object).length === 0;
  if (dryRun) return { stored, gone };
  if (gone) return { stored: await removeStored(machinery, row, stored), gone };
  setDeletion(row, object, grace, machinery.now());
  return { stored: await writeOver(machinery, row, stored, object), gone };
}

/** Rejects with 404 and, when a precondition does not hold, 409. */
export async function deleteObject(
  machinery: Machinery,
  row: ResourceRow,
  [key, name]: readonly [key: string, name: string],
  request: DeleteRequest,
): Promise<Deleted> {
  for (let count = 1; ; count++) {
    const stored = machinery.store.latest.get(key);
    if (stored === undefined) throw objectNotFound(row.type, name);
    try {
      return await attempt(machinery, row, stored, request);
    } catch (error) {
      if (!(error instanceof StoreConflict)) throw error;
      if (count === maxAttempts) throw staleVersion(row.type, name);
    }
  }
}
