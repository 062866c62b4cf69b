/** Emptying a namespace. */
import type { ApiClient, KubeObject } from '../../api/client.ts';
import { isConflict, isNotFound } from '../../api/errors.ts';
import { pods } from '../../api/resources.ts';
import { knownResources, nameOf, type AnyResource } from '../known-resources.ts';
import type { Remaining } from './conditions.ts';

/** Deletes under way at once. */
const concurrency = 16;

interface Tally {
  readonly resources: Map<string, number>;
  readonly finalizers: Map<string, number>;
  readonly failures: string[];
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

/** Undefined: this server does not have the resource. */
async function list(client: ApiClient, type: AnyResource, namespace: string): Promise<KubeObject[]> {
  try {
    return (await client.list(type, { namespace })).items;
  } catch (error) {
    if (isNotFound(error)) return [];
    throw error;
  }
}

async function deleteOne(client: ApiClient, type: AnyResource, object: KubeObject): Promise<void> {
  const { namespace, name = '', uid, deletionTimestamp } = object.metadata;
  if (deletionTimestamp !== undefined) return;
  const preconditions = uid === undefined ? {} : { uid };
  try {
    await client.delete(type, { namespace, name }, { propagationPolicy: 'Background', preconditions });
  } catch (error) {
    if (!isNotFound(error) && !isConflict(error)) throw error;
  }
}

async function deleteAll(client: ApiClient, type: AnyResource, namespace: string, tally: Tally): Promise<void> {
  const objects = await list(client, type, namespace);
  if (objects.length === 0) return;
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let object = objects[next++]; object !== undefined; object = objects[next++]) {
      await deleteOne(client, type, object).catch((error: unknown) => tally.failures.push(String(error)));
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, objects.length) }, worker));
  for (const object of await list(client, type, namespace)) {
    count(tally.resources, nameOf(type));
    for (const finalizer of object.metadata.finalizers ?? []) count(tally.finalizers, finalizer);
  }
}

/**
 * Asks the server to delete all that is in the namespace; tells what is still there afterwards. Pods go first and alone, so
 * that no pod ever runs without the policies and secrets it was started with.
 */
export async function emptyNamespace(client: ApiClient, namespace: string): Promise<Remaining> {
  const tally: Tally = { resources: new Map(), finalizers: new Map(), failures: [] };
  await deleteAll(client, pods, namespace, tally);
  if (tally.resources.size > 0) return tally;
  const others = knownResources.filter((type) => type.namespaced && type !== pods);
  await Promise.all(others.map((type) => deleteAll(client, type, namespace, tally)));
  return tally;
}
