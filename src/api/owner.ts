/** Owner references: who an object belongs to. */
import type { KubeObject } from './client.ts';
import type { OwnerReference } from './types.gen.ts';

/** The one owner that controls this object, if any. */
export function controllerOf(object: Pick<KubeObject, 'metadata'>): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find((reference) => reference.controller === true);
}

/** Whether `owner` (the very one, by UID) controls `object`. */
export function isControlledBy(object: Pick<KubeObject, 'metadata'>, owner: Pick<KubeObject, 'metadata'>): boolean {
  const uid = owner.metadata.uid;
  return uid !== undefined && controllerOf(object)?.uid === uid;
}

/**
 * A reference to `owner`. With `controller` it also blocks the owner's foreground deletion, as every controller sets it.
 * Throws when `owner` was not read from the server (no UID).
 */
export function ownerReference(
  owner: KubeObject & { kind: string; apiVersion: string },
  options: { readonly controller?: boolean } = {},
): OwnerReference {
  const { name, uid } = owner.metadata;
  if (name === undefined || uid === undefined) throw new Error(`${owner.kind}: an owner needs a name and a UID`);
  const reference: OwnerReference = { apiVersion: owner.apiVersion, kind: owner.kind, name, uid };
  return options.controller === true ? { ...reference, controller: true, blockOwnerDeletion: true } : reference;
}
