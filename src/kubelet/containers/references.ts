/** Fetches the ConfigMaps and Secrets that a pod names. */
import type { ApiClient, KubeObject } from '../../api/client.ts';
import { isNotFound } from '../../api/errors.ts';
import { configMaps, secrets, type ResourceType } from '../../api/resources.ts';
import type { References } from './env.ts';

async function fetchAll<T extends KubeObject>(
  client: ApiClient,
  type: ResourceType<T>,
  namespace: string,
  names: readonly string[],
): Promise<ReadonlyMap<string, T | null>> {
  const get = async (name: string): Promise<[string, T | null]> => {
    try {
      return [name, await client.get(type, { namespace, name })];
    } catch (error) {
      if (isNotFound(error)) return [name, null];
      throw error;
    }
  };
  return new Map(await Promise.all([...new Set(names)].map(get)));
}

/** Reads each named object once, always from the API. Rejects when the API cannot be asked. */
export async function fetchReferences(
  client: ApiClient,
  namespace: string,
  names: { readonly configMaps: readonly string[]; readonly secrets: readonly string[] },
): Promise<References> {
  const [configMapsByName, secretsByName] = await Promise.all([
    fetchAll(client, configMaps, namespace, names.configMaps),
    fetchAll(client, secrets, namespace, names.secrets),
  ]);
  return { configMaps: configMapsByName, secrets: secretsByName };
}
