/** What strategies, admission and authentication read of other objects. */
import type { KubeObject } from '../../api/client.ts';
import type { ResourceType } from '../../api/resources.ts';
import type { Store } from '../../store/contract.ts';
import type { Lookup } from '../resource.ts';
import { objectAt } from './codec.ts';
import { keyOf, prefixOf } from './keys.ts';

/** Objects are shared and must not be changed. */
export function createLookup(store: Store): Lookup {
  return {
    get: <T extends KubeObject>(type: ResourceType<T>, key: { namespace?: string; name: string }) => {
      const stored = store.latest.get(keyOf(type, key.namespace, key.name));
      return stored === undefined ? undefined : objectAt<T>(stored.value, stored.modRevision);
    },
    list: <T extends KubeObject>(type: ResourceType<T>, namespace?: string) =>
      store.latest.range(prefixOf(type, namespace)).map(({ value, modRevision }) => objectAt<T>(value, modRevision)),
  };
}
