/**
 * The account `default` is made by a controller, a moment after its namespace; `kubectl create namespace x` and
 * `kubectl -n x run …` come faster. So a new pod that runs as `default` waits for it here, a second at most; whether it came
 * is for the admission to say.
 */
import type { KubeObject } from '../../api/client.ts';
import { namespaces, pods, serviceAccounts } from '../../api/resources.ts';
import type { Pod } from '../../api/types.gen.ts';
import type { Store } from '../../store/contract.ts';
import { isMirrorPod } from '../../api/pod-references.ts';
import type { Lookup, ResourceRow } from '../resource.ts';
import { keyOf } from '../storage/keys.ts';

/** As long as upstream's shortest patience. */
const patienceMs = 1000;

/** Waits for what a new object needs and others are about to make. Never rejects, and is over soon. */
export type Patience = (row: ResourceRow, object: KubeObject) => Promise<void>;

/** The namespace of a new pod that runs as `default`. */
function homeOf({ type }: ResourceRow, object: Pod): string | undefined {
  if (type.resource !== pods.resource || type.group !== pods.group || isMirrorPod(object)) return undefined;
  return (object.spec?.serviceAccountName || 'default') === 'default' ? object.metadata.namespace : undefined;
}

/** Pods that wait for the same account wait together. `timeoutMs` is for tests. */
export function createPatience(store: Store, lookup: Lookup, timeoutMs = patienceMs): Patience {
  const awaited = new Map<string, Promise<void>>();

  function appearance(key: string): Promise<void> {
    return new Promise((resolve) => {
      const over = (): void => {
        clearTimeout(timer);
        end();
        awaited.delete(key);
        resolve();
      };
      const timer = setTimeout(over, timeoutMs);
      const end = store.latest.onChange(key, (event) => {
        if (event.key === key && event.type === 'put') over();
      });
    });
  }

  return async (row, object) => {
    const home = homeOf(row, object);
    if (home === undefined) return;
    const key = keyOf(serviceAccounts, home, 'default');
    if (store.latest.get(key) !== undefined) return;
    // Nobody makes accounts elsewhere.
    if (lookup.get(namespaces, { name: home })?.status?.phase !== 'Active') return;
    const appears = awaited.get(key) ?? appearance(key);
    awaited.set(key, appears);
    await appears;
  };
}
