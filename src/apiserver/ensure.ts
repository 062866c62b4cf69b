/** Objects that a cluster always has: made when they are missing, corrected when they are wrong. */
import type { ApiClient, KubeObject } from '../api/client.ts';
import { isAlreadyExists, isConflict, isNotFound } from '../api/errors.ts';
import type { ResourceType } from '../api/resources.ts';

/** The verbs that are needed; an ApiClient has them. */
export type BootstrapClient = Pick<ApiClient, 'get' | 'create' | 'update'>;

const ATTEMPTS = 5;

/** Creates the object, or brings the stored one into line by `correct` (false: it is right as it is). */
export async function ensure<T extends KubeObject>(
  client: BootstrapClient,
  type: ResourceType<T>,
  wanted: T,
  correct: (stored: T) => boolean,
): Promise<void> {
  const { name = '', namespace } = wanted.metadata;
  for (let attempt = 1; ; attempt += 1) {
    try {
      const stored = await client.get(type, { name, namespace }).catch((error: unknown) => {
        if (isNotFound(error)) return undefined;
        throw error;
      });
      if (stored === undefined) await client.create(type, structuredClone(wanted));
      else if (correct(stored)) await client.update(type, stored);
      return;
    } catch (error) {
      // Another server of the same cluster may be starting too.
      if (attempt >= ATTEMPTS || !(isConflict(error) || isAlreadyExists(error))) throw error;
    }
  }
}
