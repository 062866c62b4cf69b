/** The client of the Kubernetes API: what every floor that reaches the cluster is given. */
import type { ResourceType } from './resources.ts';
import type { ListMeta, ObjectMeta } from './types.gen.ts';

/** Any object of the API. */
export interface KubeObject {
  apiVersion?: string;
  kind?: string;
  metadata: ObjectMeta;
}

/** A reply to LIST. */
export interface KubeList<T> {
  apiVersion?: string;
  kind?: string;
  metadata: ListMeta;
  items: T[];
}

/** One line of a WATCH. A BOOKMARK's object carries only `metadata.resourceVersion`. */
export interface WatchEvent<T> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  readonly object: T;
}

/** Names one object; `namespace` is left out for cluster-scoped resources. */
export interface ObjectKey {
  readonly namespace?: string | undefined;
  readonly name: string;
}

export interface ListOptions {
  /** All namespaces when left out. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly resourceVersion?: string;
  readonly limit?: number;
  readonly continue?: string;
}

export interface WatchOptions extends ListOptions {
  /** Ends the watch. */
  readonly signal: AbortSignal;
  readonly timeoutSeconds?: number;
  /** Called when the server has taken the watch: from then on nothing is missed. */
  readonly onOpen?: () => void;
}

export interface DeleteOptions {
  readonly gracePeriodSeconds?: number;
  readonly propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
}

export interface PatchOptions {
  readonly type: 'merge' | 'strategic' | 'json';
  readonly subresource?: string;
}

/**
 * Every verb rejects with an `ApiError` (src/api/errors.ts) that carries the server's Status; use its predicates
 * (`isNotFound`, `isConflict`, `isAlreadyExists`, …), never its text. Requests end after 30 s; watches by their signal.
 */
export interface ApiClient {
  get<T extends KubeObject>(type: ResourceType<T>, key: ObjectKey): Promise<T>;
  list<T extends KubeObject>(type: ResourceType<T>, options?: ListOptions): Promise<KubeList<T>>;
  /** Ends without error when the server closes it; rejects with 410 when the resourceVersion is too old. */
  watch<T extends KubeObject>(type: ResourceType<T>, options: WatchOptions): AsyncIterable<WatchEvent<T>>;
  create<T extends KubeObject>(type: ResourceType<T>, object: T): Promise<T>;
  /** Replaces the object; 409 when its resourceVersion is stale. `subresource` as in `status`. */
  update<T extends KubeObject>(type: ResourceType<T>, object: T, subresource?: string): Promise<T>;
  patch<T extends KubeObject>(type: ResourceType<T>, key: ObjectKey, patch: unknown, options: PatchOptions): Promise<T>;
  delete<T extends KubeObject>(type: ResourceType<T>, key: ObjectKey, options?: DeleteOptions): Promise<void>;
  /** POST to a subresource: `pods/NAME/binding`, `pods/NAME/eviction`, `serviceaccounts/NAME/token`. */
  createSubresource(
    type: ResourceType<KubeObject>,
    key: ObjectKey,
    subresource: string,
    body: unknown,
  ): Promise<unknown>;
  /** Closes idle connections. */
  close(): void;
}
