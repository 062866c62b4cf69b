/** Adoption and release: which objects a controller owns, by selector and ownerReferences together. */
import type { ApiClient, KubeObject } from '../api/client.ts';
import { isInvalid, isNotFound } from '../api/errors.ts';
import { controllerOf, ownerReference } from '../api/owner.ts';
import type { ResourceType } from '../api/resources.ts';
import type { LabelSelector, OwnerReference } from '../api/types.gen.ts';
import { selectorFromLabelSelector } from '../api/selectors.ts';

export type Owner = KubeObject & { kind: string; apiVersion: string };

/** What is to be done with one object that an owner may care about. */
export type Claim = 'keep' | 'adopt' | 'release' | 'ignore';

/** Pure decision. An owner that is being deleted changes nothing any more; an object that is being deleted is not adopted. */
export function claimOf(owner: Owner, object: KubeObject, matches: boolean): Claim {
  const controller = controllerOf(object);
  const ownerGoes = owner.metadata.deletionTimestamp !== undefined;
  if (controller !== undefined) {
    if (controller.uid !== owner.metadata.uid) return 'ignore';
    if (matches) return 'keep';
    return ownerGoes ? 'ignore' : 'release';
  }
  if (!matches || ownerGoes || object.metadata.deletionTimestamp !== undefined) return 'ignore';
  return 'adopt';
}

/** The objects in `candidates` that `owner` controls, after adopting and releasing what has to be. */
export async function claimAll<T extends KubeObject, O extends KubeObject>(
  client: ApiClient,
  ownerType: ResourceType<O>,
  owner: Owner,
  selector: LabelSelector,
  type: ResourceType<T>,
  candidates: readonly T[],
): Promise<T[]> {
  const selects = selectorFromLabelSelector(selector);
  const kept: T[] = [];
  let mayAdopt: Promise<boolean> | undefined;
  for (const object of candidates) {
    const claim = claimOf(owner, object, selects(object.metadata.labels ?? {}));
    if (claim === 'keep') kept.push(object);
    if (claim === 'release') await setOwners(client, type, object, othersThan(owner, object));
    if (claim !== 'adopt') continue;
    mayAdopt ??= isStillThere(client, ownerType, owner);
    if (!(await mayAdopt)) continue;
    const references = [...(object.metadata.ownerReferences ?? []), ownerReference(owner, { controller: true })];
    const adopted = await setOwners(client, type, object, references);
    if (adopted !== undefined) kept.push(adopted);
  }
  return kept;
}

function othersThan(owner: Owner, object: KubeObject): OwnerReference[] {
  return (object.metadata.ownerReferences ?? []).filter((reference) => reference.uid !== owner.metadata.uid);
}

/** Asks the server itself: the local copy may not know yet that the owner is being deleted, and would adopt for nobody. */
async function isStillThere<O extends KubeObject>(
  client: ApiClient,
  type: ResourceType<O>,
  owner: Owner,
): Promise<boolean> {
  const { namespace, name = '', uid } = owner.metadata;
  try {
    const { metadata } = await client.get(type, { namespace, name });
    return metadata.uid === uid && metadata.deletionTimestamp === undefined;
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}

/** Undefined when the object has gone meanwhile. */
async function setOwners<T extends KubeObject>(
  client: ApiClient,
  type: ResourceType<T>,
  object: T,
  ownerReferences: OwnerReference[],
): Promise<T | undefined> {
  const { namespace, name = '', uid, resourceVersion } = object.metadata;
  const patch = { metadata: { uid, resourceVersion, ownerReferences } };
  try {
    return await client.patch(type, { namespace, name }, patch, { type: 'merge' });
  } catch (error) {
    if (isNotFound(error) || isInvalid(error)) return undefined;
    throw error;
  }
}
