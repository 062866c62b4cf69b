/** The rules of garbage collection, as decisions over facts. Pure. */
import type { KubeObject } from '../../api/client.ts';
import type { OwnerReference } from '../../api/types.gen.ts';

export const orphanFinalizer = 'orphan';
export const foregroundFinalizer = 'foregroundDeletion';

/** What became of an owner: `waiting` is one that is being deleted in the foreground and waits for its dependents. */
export type OwnerState = 'solid' | 'dangling' | 'waiting';

export const isBeingDeleted = (object: KubeObject): boolean => object.metadata.deletionTimestamp !== undefined;

export function isDeletedInForeground(object: KubeObject): boolean {
  return isBeingDeleted(object) && (object.metadata.finalizers ?? []).includes(foregroundFinalizer);
}

export function isDeletedOrphaning(object: KubeObject): boolean {
  return isBeingDeleted(object) && (object.metadata.finalizers ?? []).includes(orphanFinalizer);
}

/** Whether this object keeps the owner with that UID from ending its foreground deletion. */
export function blocks(object: KubeObject, ownerUid: string): boolean {
  return (object.metadata.ownerReferences ?? []).some(
    ({ uid, blockOwnerDeletion }) => uid === ownerUid && blockOwnerDeletion === true,
  );
}

export type Verdict =
  | { readonly action: 'keep' }
  /** Solid owners remain: only the references that mean nothing any more go. */
  | { readonly action: 'trim'; readonly ownerReferences: OwnerReference[] }
  | { readonly action: 'delete'; readonly propagation: 'Background' | 'Foreground' | 'Orphan' };

export interface Facts {
  readonly object: KubeObject;
  readonly states: ReadonlyMap<string, OwnerState>;
  readonly hasDependents: boolean;
}

/** What is to be done with an object, given what became of its owners. */
export function judge({ object, states, hasDependents }: Facts): Verdict {
  const references = object.metadata.ownerReferences ?? [];
  const stateOf = ({ uid }: OwnerReference): OwnerState => states.get(uid) ?? 'solid';
  if (references.length === 0) return { action: 'keep' };
  const solid = references.filter((each) => stateOf(each) === 'solid');
  if (solid.length === references.length) return { action: 'keep' };
  if (solid.length > 0) return { action: 'trim', ownerReferences: solid };
  const isWaitedFor = references.some((each) => stateOf(each) === 'waiting');
  if (isWaitedFor && hasDependents) return { action: 'delete', propagation: 'Foreground' };
  return { action: 'delete', propagation: ownWish(object) };
}

/** What the object's own finalizers ask for. */
function ownWish({ metadata: { finalizers = [] } }: KubeObject): 'Background' | 'Foreground' | 'Orphan' {
  if (finalizers.includes(orphanFinalizer)) return 'Orphan';
  return finalizers.includes(foregroundFinalizer) ? 'Foreground' : 'Background';
}
