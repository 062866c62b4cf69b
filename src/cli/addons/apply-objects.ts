/** Brings objects of our own into a cluster, or up to date there. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiClient } from '../../api/client.ts';
import { isAlreadyExists, isNotFound } from '../../api/errors.ts';
import type { AddonObject } from './dns-objects.ts';

const retryMs = 50;
const limitMs = 60_000;

async function applyOne(client: ApiClient, { type, object }: AddonObject): Promise<void> {
  const { namespace, name = '' } = object.metadata;
  try {
    await client.patch(type, { namespace, name }, object, { type: 'merge' });
  } catch (error) {
    if (!isNotFound(error)) throw error;
    await client.create(type, object);
  }
}

/** One after the other. Waits for a server that is only coming up; rejects with what it said last when it does not, or when the signal fires. */
export async function applyObjects(
  client: ApiClient,
  objects: readonly AddonObject[],
  signal: AbortSignal,
): Promise<void> {
  for (const one of objects) {
    for (const end = Date.now() + limitMs; ; await sleep(retryMs, undefined, { signal })) {
      try {
        await applyOne(client, one);
        break;
      } catch (error) {
        // Somebody else made it meanwhile: then it is brought up to date by the next try.
        if (Date.now() > end && !isAlreadyExists(error)) throw error;
      }
    }
  }
}
