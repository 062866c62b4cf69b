import type { ApiClient } from '../../api/client.ts';
import type { Pod } from '../../api/types.gen.ts';
import { fetchReferences } from './references.ts';

/**
 * The docker configs in the Secrets that a pod names. One that is not there, or of another type, is passed over: the registry
 * may not ask. Rejects when the API cannot be asked.
 */
export async function pullSecrets(client: ApiClient, pod: Pod): Promise<string[]> {
  const names = (pod.spec?.imagePullSecrets ?? []).map(({ name = '' }) => name).filter((name) => name !== '');
  if (names.length === 0) return [];
  const { secrets } = await fetchReferences(client, pod.metadata.namespace ?? '', { configMaps: [], secrets: names });
  return names.flatMap((name) => {
    const { type, data } = secrets.get(name) ?? {};
    const text = type === 'kubernetes.io/dockerconfigjson' ? data?.['.dockerconfigjson'] : undefined;
    const old = type === 'kubernetes.io/dockercfg' ? data?.['.dockercfg'] : undefined;
    if (text !== undefined) return [Buffer.from(text, 'base64').toString()];
    return old === undefined ? [] : [`{"auths":${Buffer.from(old, 'base64').toString()}}`];
  });
}
