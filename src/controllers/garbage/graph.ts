/** Who owns whom, over all known resources: informers with an index by owner. */
import type { ApiClient, KubeObject } from '../../api/client.ts';
import { isNotFound } from '../../api/errors.ts';
import { keyOf, type Informer, type InformerFactory } from '../../api/informer.ts';
import { events } from '../../api/resources.ts';
import type { OwnerReference } from '../../api/types.gen.ts';
import { knownResources, nameOf, resourceOf, type AnyResource } from '../known-resources.ts';
import { blocks, isDeletedInForeground, type OwnerState } from './ownership.ts';

/** An object and the resource it is of. */
export interface Member {
  readonly type: AnyResource;
  readonly object: KubeObject;
}

const indexes = {
  owner: ({ metadata }: KubeObject): string[] => (metadata.ownerReferences ?? []).map(({ uid }) => uid),
};

/** UIDs known to be gone; they never come back. */
const maxRemembered = 2000;

export class OwnerGraph {
  readonly #client: ApiClient;
  readonly #informers: ReadonlyMap<AnyResource, Informer<KubeObject>>;
  readonly #gone = new Set<string>();

  constructor(client: ApiClient, factory: InformerFactory) {
    this.#client = client;
    // Events are not collected: they end by themselves, and there are too many.
    const types = knownResources.filter((type) => type !== events);
    this.#informers = new Map(types.map((type) => [type, factory.informer(type, { indexes })]));
  }

  get informers(): ReadonlyMap<AnyResource, Informer<KubeObject>> {
    return this.#informers;
  }

  /** `resource namespace/name`, the key of one object. */
  static keyOf({ type, object }: Member): string {
    return `${nameOf(type)} ${keyOf(object)}`;
  }

  /** The local copy of an object by its key. */
  find(key: string): Member | undefined {
    const space = key.indexOf(' ');
    for (const [type, informer] of this.#informers) {
      if (nameOf(type) !== key.slice(0, space)) continue;
      const object = informer.get(key.slice(space + 1));
      return object === undefined ? undefined : { type, object };
    }
    return undefined;
  }

  dependentsOf(uid: string): Member[] {
    return [...this.#informers].flatMap(([type, informer]) =>
      informer.byIndex('owner', uid).map((object) => ({ type, object })),
    );
  }

  /** Whether the foreground deletion of `uid` waits, over any number of others that wait as well, for `target`. */
  waitsFor(uid: string, target: string): boolean {
    const seen = new Set<string>();
    const open = [uid];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      const owner = next;
      if (seen.has(owner)) continue;
      seen.add(owner);
      const blocking = this.dependentsOf(owner).filter(({ object }) => blocks(object, owner));
      if (blocking.some(({ object }) => object.metadata.uid === target)) return true;
      const waiting = blocking.filter(({ object }) => isDeletedInForeground(object));
      open.push(...waiting.map(({ object }) => object.metadata.uid ?? ''));
    }
    return false;
  }

  /** An object with this UID has been seen to go. */
  rememberGone(uid: string): void {
    this.#gone.add(uid);
    const oldest = this.#gone.size > maxRemembered ? this.#gone.values().next().value : undefined;
    if (oldest !== undefined) this.#gone.delete(oldest);
  }

  /** The owner as the local copies have it; undefined when they do not know it. */
  ownerOf(reference: OwnerReference, dependent: KubeObject): Member | undefined {
    const type = resourceOf(reference.apiVersion, reference.kind);
    const informer = type === undefined ? undefined : this.#informers.get(type);
    if (type === undefined || informer === undefined) return undefined;
    const { namespace } = dependent.metadata;
    const object = informer.get(type.namespaced ? `${namespace}/${reference.name}` : reference.name);
    return object?.metadata.uid === reference.uid && object !== undefined ? { type, object } : undefined;
  }

  /** What became of an owner. One that the local copies do not know is asked of the server, with its UID. */
  async stateOf(reference: OwnerReference, dependent: KubeObject): Promise<OwnerState> {
    if (this.#gone.has(reference.uid)) return 'dangling';
    const local = this.ownerOf(reference, dependent);
    if (local !== undefined) return isDeletedInForeground(local.object) ? 'waiting' : 'solid';
    const type = resourceOf(reference.apiVersion, reference.kind);
    // Of a kind we do not know: not ours to judge.
    if (type === undefined) return 'solid';
    const { namespace } = dependent.metadata;
    // A namespaced owner of a cluster-scoped object cannot be found: left alone, as nothing is safer.
    if (type.namespaced && namespace === undefined) return 'solid';
    const key = { name: reference.name, ...(type.namespaced ? { namespace } : {}) };
    try {
      const owner = await this.#client.get(type, key);
      if (owner.metadata.uid === reference.uid) return isDeletedInForeground(owner) ? 'waiting' : 'solid';
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    this.rememberGone(reference.uid);
    return 'dangling';
  }
}
