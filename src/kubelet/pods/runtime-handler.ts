/** Which of the node's runtimes a pod is for. */
import type { ApiClient } from '../../api/client.ts';
import { runtimeClasses } from '../../api/resources.ts';
import type { Pod } from '../../api/types.gen.ts';

/**
 * The handler that the pod's RuntimeClass names; undefined for a pod without one. Asked for when a sandbox is made: such pods are
 * few. Rejects when there is no such class or the API cannot be asked: who wants to be confined does not start unconfined.
 */
export async function runtimeHandlerOf(client: ApiClient, { spec }: Pod): Promise<string | undefined> {
  const name = spec?.runtimeClassName ?? '';
  return name === '' ? undefined : (await client.get(runtimeClasses, { name })).handler;
}
