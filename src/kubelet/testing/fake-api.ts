/**
 * The API as far as a kubelet uses it, in memory: create, get, update, merge and status patches, delete with grace,
 * and informers that follow at once. Answers NotFound, AlreadyExists and Conflict as the real one does.
 */
import type { ApiClient, KubeObject } from '../../api/client.ts';
import { apiError } from '../../api/errors.ts';
import { keyOf, type Change, type Informer, type InformerFactory, type InformerOptions } from '../../api/informer.ts';
import type { ResourceType } from '../../api/resources.ts';

export interface FakeApi {
  readonly client: ApiClient;
  readonly informers: InformerFactory;
  /** While true every call is refused as if nobody listened. */
  down: boolean;
  /** `patch pods/status default/web` and so on. */
  readonly calls: string[];
  /** The object as it is stored. */
  find<T extends KubeObject>(type: ResourceType<T>, key: string): T | undefined;
  /** Stores an object as if somebody else had; tells informers. */
  put<T extends KubeObject>(type: ResourceType<T>, object: T): T;
  /** As a client deletes a pod: marked first, unless the grace is 0. */
  markDeleted<T extends KubeObject>(type: ResourceType<T>, key: string, graceSeconds: number): void;
}

type Handler = (change: Change<KubeObject>) => void;

interface Shelf {
  readonly objects: Map<string, KubeObject>;
  readonly handlers: Set<Handler>;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The two lists of a pod's status that are merged by a key; others are replaced. */
const mergeKeys: Readonly<Record<string, string>> = { conditions: 'type', podIPs: 'ip', hostIPs: 'ip' };

function mergeList(old: unknown[], patch: Record<string, unknown>[], key: string): unknown[] {
  const result = new Map(old.filter(isRecord).map((entry) => [entry[key], entry]));
  for (const entry of patch) {
    if (entry['$patch'] === 'delete') result.delete(entry[key]);
    else result.set(entry[key], merge(result.get(entry[key]) ?? {}, entry, false));
  }
  return [...result.values()];
}

function merge(
  target: Record<string, unknown>,
  patch: Record<string, unknown>,
  strategic: boolean,
): Record<string, unknown> {
  const result = { ...target };
  for (const [field, value] of Object.entries(patch)) {
    const old = result[field];
    const key = strategic ? mergeKeys[field] : undefined;
    if (value === null) delete result[field];
    else if (key !== undefined && Array.isArray(value))
      result[field] = mergeList(Array.isArray(old) ? old : [], value as Record<string, unknown>[], key);
    else if (isRecord(value)) result[field] = merge(isRecord(old) ? old : {}, value, strategic);
    else result[field] = value;
  }
  return result;
}

class Api implements FakeApi {
  down = false;
  readonly calls: string[] = [];
  readonly #shelves = new Map<string, Shelf>();
  #version = 100;

  readonly client: ApiClient = {
    get: async <T extends KubeObject>(type: ResourceType<T>, key: { namespace?: string | undefined; name: string }) =>
      this.#get(type, key),
    list: async <T extends KubeObject>(type: ResourceType<T>) => ({
      metadata: {},
      items: [...this.#shelf(type).objects.values()] as T[],
    }),
    watch: () => {
      throw new Error('the fake has informers instead of watches');
    },
    create: async <T extends KubeObject>(type: ResourceType<T>, object: T) => {
      this.#called('create', type, keyOf(object));
      if (this.#shelf(type).objects.has(keyOf(object)))
        throw apiError({ code: 409, reason: 'AlreadyExists', message: 'already exists' });
      return this.put(type, { ...object, metadata: { uid: `uid-${this.#version}`, ...object.metadata } });
    },
    update: async <T extends KubeObject>(type: ResourceType<T>, object: T) => {
      this.#called('update', type, keyOf(object));
      const old = this.#get(type, { namespace: object.metadata.namespace, name: object.metadata.name ?? '' });
      if (old.metadata.resourceVersion !== object.metadata.resourceVersion)
        throw apiError({ code: 409, reason: 'Conflict', message: 'conflict' });
      return this.put(type, object);
    },
    patch: async <T extends KubeObject>(
      type: ResourceType<T>,
      key: { namespace?: string | undefined; name: string },
      patch: unknown,
      options: { type: string; subresource?: string },
    ) => {
      this.#called('patch', type, keyOf({ metadata: key }), options.subresource);
      const old = this.#get(type, key);
      const body = patch as Record<string, unknown> & { metadata?: { uid?: string } };
      const uid = body.metadata?.uid;
      if (uid !== undefined && uid !== old.metadata.uid)
        throw apiError({ code: 409, reason: 'Conflict', message: 'uid differs' });
      return this.put(
        type,
        merge(old as unknown as Record<string, unknown>, body, options.type === 'strategic') as unknown as T,
      );
    },
    delete: async (type, key, options) => {
      const text = keyOf({ metadata: key });
      this.#called('delete', type, text);
      const old = this.#get(type, key);
      const uid = options?.preconditions?.uid;
      if (uid !== undefined && uid !== old.metadata.uid)
        throw apiError({ code: 409, reason: 'Conflict', message: 'uid differs' });
      this.markDeleted(type, text, options?.gracePeriodSeconds ?? 30);
    },
    createSubresource: async () => ({ status: { token: 'a-token' } }),
    close: () => undefined,
  };

  readonly informers: InformerFactory = { informer: (type, options) => this.#informer(type, options) };

  find<T extends KubeObject>(type: ResourceType<T>, key: string): T | undefined {
    return this.#shelf(type).objects.get(key) as T | undefined;
  }

  put<T extends KubeObject>(type: ResourceType<T>, object: T): T {
    const { objects, handlers } = this.#shelf(type);
    const key = keyOf(object);
    const previous = objects.get(key);
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(this.#version++) } };
    objects.set(key, stored);
    const change: Change<KubeObject> =
      previous === undefined ? { type: 'added', object: stored } : { type: 'updated', object: stored, previous };
    for (const handler of handlers) queueMicrotask(() => handler(change));
    return stored;
  }

  markDeleted<T extends KubeObject>(type: ResourceType<T>, key: string, graceSeconds: number): void {
    const { objects, handlers } = this.#shelf(type);
    const old = objects.get(key);
    if (old === undefined) return;
    const metadata = {
      ...old.metadata,
      deletionTimestamp: new Date(Date.now() + graceSeconds * 1000).toISOString(),
      deletionGracePeriodSeconds: graceSeconds,
    };
    if (graceSeconds > 0) {
      this.put(type, { ...old, metadata } as unknown as T);
      return;
    }
    objects.delete(key);
    for (const handler of handlers) queueMicrotask(() => handler({ type: 'deleted', object: { ...old, metadata } }));
  }

  #called<T>(verb: string, type: ResourceType<T>, key: string, subresource?: string): void {
    this.#mustBeUp();
    this.calls.push(`${verb} ${type.resource}${subresource === undefined ? '' : `/${subresource}`} ${key}`);
  }

  #mustBeUp(): void {
    if (this.down) throw apiError({ code: 503, reason: 'ServiceUnavailable', message: 'connection refused' });
  }

  #get<T extends KubeObject>(type: ResourceType<T>, key: { namespace?: string | undefined; name: string }): T {
    this.#mustBeUp();
    const object = this.find(type, keyOf({ metadata: key }));
    if (object === undefined)
      throw apiError({ code: 404, reason: 'NotFound', message: `${type.resource} "${key.name}" not found` });
    return object;
  }

  #shelf<T>(type: ResourceType<T>): Shelf {
    const name = `${type.group}/${type.resource}`;
    const shelf = this.#shelves.get(name) ?? { objects: new Map<string, KubeObject>(), handlers: new Set<Handler>() };
    this.#shelves.set(name, shelf);
    return shelf;
  }

  #informer<T extends KubeObject>(type: ResourceType<T>, { indexes = {} }: InformerOptions<T> = {}): Informer<T> {
    const { objects, handlers } = this.#shelf(type);
    return {
      synced: Promise.resolve(),
      hasSynced: true,
      isCurrent: true,
      get: (key) => objects.get(key) as T | undefined,
      list: () => [...objects.values()] as T[],
      byIndex: (index, value) =>
        ([...objects.values()] as T[]).filter((object) => indexes[index]?.(object).includes(value) === true),
      onChange: (handler) => {
        for (const object of objects.values()) handler({ type: 'added', object: object as T });
        handlers.add(handler as unknown as Handler);
        return () => void handlers.delete(handler as unknown as Handler);
      },
    };
  }
}

/** An empty API. */
export function createFakeApi(): FakeApi {
  return new Api();
}
