/**
 * Which objects do the pods of a node use? Kept by node, and never behind the store: changed pods are noted in the turn
 * of their change and looked at when somebody asks.
 */
import { pods } from '../../api/resources.ts';
import type { Pod } from '../../api/types.gen.ts';
import type { Store } from '../../store/contract.ts';
import { decodeShared } from '../storage/codec.ts';
import { prefixOf } from '../storage/keys.ts';
import { isMirrorPod, referencesOf } from '../../api/pod-references.ts';

/** Resources that belong to a node by its pods. */
export type UsedResource = 'pods' | 'secrets' | 'configmaps' | 'serviceaccounts' | 'persistentvolumeclaims';

export interface NodeUses {
  uses(node: string, resource: UsedResource, namespace: string, name: string): boolean;
}

/** So many changed pods may wait to be looked at. */
const maxPending = 1000;

interface Known {
  readonly node: string;
  readonly objects: readonly string[];
}

const place = (resource: UsedResource, namespace: string, name: string): string => `${resource}/${namespace}/${name}`;

/** All that a pod makes its node's; nothing before it has one. */
export function usesOf(pod: Pod): Known | undefined {
  const { namespace = '', name = '' } = pod.metadata;
  const node = pod.spec?.nodeName ?? '';
  if (node === '') return undefined;
  const own = place('pods', namespace, name);
  if (isMirrorPod(pod)) return { node, objects: [own] };
  const { secrets, configMaps, claims, serviceAccount } = referencesOf(pod);
  const objects = [
    own,
    ...[...secrets].map((each) => place('secrets', namespace, each)),
    ...[...configMaps].map((each) => place('configmaps', namespace, each)),
    ...[...claims].map((each) => place('persistentvolumeclaims', namespace, each)),
    ...(serviceAccount === '' ? [] : [place('serviceaccounts', namespace, serviceAccount)]),
  ];
  return { node, objects };
}

/** How many pods of a node use an object. */
class Counts {
  readonly #known = new Map<string, Known>();
  readonly #byNode = new Map<string, Map<string, number>>();

  has(node: string, object: string): boolean {
    return this.#byNode.get(node)?.has(object) ?? false;
  }

  set(key: string, next: Known | undefined): void {
    const before = this.#known.get(key);
    if (next !== undefined) this.#add(next, 1);
    if (before !== undefined) this.#add(before, -1);
    if (next === undefined) this.#known.delete(key);
    else this.#known.set(key, next);
  }

  #add({ node, objects }: Known, by: 1 | -1): void {
    const counts = this.#byNode.get(node) ?? new Map<string, number>();
    this.#byNode.set(node, counts);
    for (const object of objects) {
      const count = (counts.get(object) ?? 0) + by;
      if (count > 0) counts.set(object, count);
      else counts.delete(object);
    }
    if (counts.size === 0) this.#byNode.delete(node);
  }
}

/** Follows the pods of a store from now on. `end` stops that. */
export function followNodeUses(store: Store): NodeUses & { readonly end: () => void } {
  const prefix = prefixOf(pods);
  const counts = new Counts();
  const pending = new Set(store.latest.range(prefix).map(({ key }) => key));

  function settle(): void {
    for (const key of pending) {
      const stored = store.latest.get(key);
      counts.set(key, stored === undefined ? undefined : usesOf(decodeShared(stored.value)));
    }
    pending.clear();
  }

  const end = store.latest.onChange(prefix, ({ key }) => {
    pending.add(key);
    if (pending.size > maxPending) settle();
  });
  return {
    end,
    uses: (node, resource, namespace, name) => {
      settle();
      return counts.has(node, place(resource, namespace, name));
    },
  };
}
