/**
 * An API server in memory for tests: it refuses what the real one refuses (stale versions, taken names, wrong UIDs,
 * terminating namespaces), keeps generations, finalizers and graceful deletion, and counts writes.
 */
import { randomUUID } from 'node:crypto';
import type {
  ApiClient,
  DeleteOptions,
  KubeList,
  KubeObject,
  ListOptions,
  ObjectKey,
  PatchOptions,
  WatchEvent,
  WatchOptions,
} from '../../src/api/client.ts';
import { apiError } from '../../src/api/errors.ts';
import { keyOf } from '../../src/api/informer.ts';
import { applyMergePatch } from '../../src/api/patch/merge.ts';
import { applyStrategicPatch } from '../../src/api/patch/strategic.ts';
import { namespaces, pods, type ResourceType } from '../../src/api/resources.ts';
import { matchesFields, parseFieldSelector, parseLabelSelector } from '../../src/api/selectors.ts';
import { formatTime } from '../../src/api/time.ts';
import type { Binding, Namespace, Pod } from '../../src/api/types.gen.ts';
import { conflict, notFound, StoredObjects, type AnyType } from './stored-objects.ts';

const textOf = ({ namespace, name }: ObjectKey): string => (namespace === undefined ? name : `${namespace}/${name}`);
const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

type Loose = KubeObject & { spec?: Record<string, unknown>; status?: unknown };

export class FakeCluster implements ApiClient {
  readonly #stored = new StoredObjects();
  /** `create pods`, `update deployments/status`, … in the order they were done. */
  readonly writes: string[] = [];
  /** How long watches lag behind, in ms. */
  lagMs = 0;
  /** Called before each write; may throw to refuse it. */
  beforeWrite: (write: string, object: KubeObject | undefined) => void = () => undefined;

  async get<T extends KubeObject>(type: ResourceType<T>, key: ObjectKey): Promise<T> {
    await turn();
    return structuredClone(this.#stored.must(type as AnyType, textOf(key))) as T;
  }

  async list<T extends KubeObject>(type: ResourceType<T>, options: ListOptions = {}): Promise<KubeList<T>> {
    await turn();
    const items = this.#select(type, options) as T[];
    return { metadata: { resourceVersion: String(this.#stored.version) }, items: structuredClone(items) };
  }

  async *watch<T extends KubeObject>(type: ResourceType<T>, options: WatchOptions): AsyncIterable<WatchEvent<T>> {
    const version = Number(options.resourceVersion ?? 0);
    const selects = selectorOf(options);
    options.onOpen?.();
    for await (const event of this.#stored.watch(type, version, options.signal, () => this.lagMs)) {
      if (selects(event.object)) yield event as WatchEvent<T>;
    }
  }

  async create<T extends KubeObject>(type: ResourceType<T>, object: T): Promise<T> {
    await turn();
    this.#note(`create ${type.resource}`, object);
    const { metadata } = object;
    const name = metadata.name ?? `${metadata.generateName}${randomUUID().slice(0, 5)}`;
    const made = structuredClone({ ...object, metadata: { ...metadata, name } });
    if (this.#stored.get(type, keyOf(made)) !== undefined) {
      throw apiError({ code: 409, reason: 'AlreadyExists', message: `${type.resource} "${name}" already exists` });
    }
    this.#refuseIfTerminating(metadata.namespace);
    Object.assign(made.metadata, { uid: randomUUID(), creationTimestamp: formatTime(new Date()), generation: 1 });
    if (type.resource === 'pods') Object.assign(made, { status: { phase: 'Pending' } });
    if (type.resource === 'namespaces') {
      Object.assign(made, { spec: { finalizers: ['kubernetes'] }, status: { phase: 'Active' } });
    }
    return this.#stored.put(type, made) as T;
  }

  async update<T extends KubeObject>(type: ResourceType<T>, object: T, subresource = ''): Promise<T> {
    await turn();
    this.#note(`update ${type.resource}${subresource === '' ? '' : `/${subresource}`}`, object);
    return this.#write(type, structuredClone(object), subresource) as T;
  }

  async patch<T extends KubeObject>(
    type: ResourceType<T>,
    key: ObjectKey,
    patch: unknown,
    options: PatchOptions,
  ): Promise<T> {
    await turn();
    const { subresource = '' } = options;
    this.#note(`patch ${type.resource}${subresource === '' ? '' : `/${subresource}`}`, undefined);
    const old = structuredClone(this.#stored.must(type as AnyType, textOf(key)));
    const next =
      options.type === 'strategic' ? applyStrategicPatch(old, patch, type.kind) : applyMergePatch(old, patch);
    return this.#write(type, next, subresource) as T;
  }

  async delete<T extends KubeObject>(
    type: ResourceType<T>,
    key: ObjectKey,
    options: DeleteOptions = {},
  ): Promise<void> {
    await turn();
    this.#note(`delete ${type.resource}`, undefined);
    const old = this.#stored.must(type, textOf(key));
    checkPreconditions(type, old, options);
    const finalizers = new Set(old.metadata.finalizers);
    if (options.propagationPolicy === 'Foreground') finalizers.add('foregroundDeletion');
    if (options.propagationPolicy === 'Orphan') finalizers.add('orphan');
    const isGraceful = type.resource === 'pods' && options.gracePeriodSeconds !== 0 && isRunning(old);
    const isNamespace = type.resource === 'namespaces';
    if (finalizers.size === 0 && !isGraceful && !isNamespace) return this.#stored.remove(type, old);
    if (old.metadata.deletionTimestamp !== undefined) return;
    const metadata = { ...old.metadata, finalizers: [...finalizers], deletionTimestamp: formatTime(new Date()) };
    const next = { ...old, metadata, ...(isNamespace ? { status: { phase: 'Terminating' } } : {}) };
    this.#stored.put(type, next);
  }

  async createSubresource(
    type: ResourceType<KubeObject>,
    key: ObjectKey,
    subresource: string,
    body: unknown,
  ): Promise<unknown> {
    await turn();
    this.#note(`create ${type.resource}/${subresource}`, undefined);
    const pod = this.#stored.must(type, textOf(key)) as Pod;
    if (subresource !== 'binding') throw new Error(`the fake has no ${subresource}`);
    if ((pod.spec?.nodeName ?? '') !== '') throw conflict(type, textOf(key), 'is already assigned');
    const node = (body as Binding).target.name ?? '';
    const conditions = [{ type: 'PodScheduled', status: 'True' }];
    this.#stored.put(type, {
      ...pod,
      spec: { containers: [], ...pod.spec, nodeName: node },
      status: { ...pod.status, conditions },
    } as Pod);
    return {};
  }

  close(): void {}

  /** What is stored, for assertions. */
  all<T extends KubeObject>(type: ResourceType<T>, namespace?: string): T[] {
    return this.#select(type, namespace === undefined ? {} : { namespace }) as T[];
  }

  /** Writes so far whose text begins so. */
  countWrites(prefix: string): number {
    return this.writes.filter((write) => write.startsWith(prefix)).length;
  }

  #note(write: string, object: KubeObject | undefined): void {
    this.beforeWrite(write, object);
    this.writes.push(write);
  }

  #select(type: AnyType, options: ListOptions): KubeObject[] {
    return [...this.#stored.table(type).objects.values()].filter(selectorOf(options));
  }

  #refuseIfTerminating(namespace: string | undefined): void {
    const home = namespace === undefined ? undefined : this.#stored.get(namespaces, namespace);
    if (home?.metadata.deletionTimestamp === undefined) return;
    throw apiError({
      code: 403,
      reason: 'Forbidden',
      message: 'it is being terminated',
      details: { causes: [{ reason: 'NamespaceTerminating' }] },
    });
  }

  #write(type: AnyType, object: Loose, subresource: string): KubeObject {
    const key = keyOf(object);
    const old = this.#stored.get(type, key);
    if (old === undefined) throw notFound(type, key);
    const { resourceVersion, uid } = object.metadata;
    if (resourceVersion !== undefined && resourceVersion !== old.metadata.resourceVersion) {
      throw conflict(type, key, 'the object has been modified');
    }
    if (uid !== undefined && uid !== old.metadata.uid) throw conflict(type, key, 'another UID');
    const next = merged(old, object, subresource);
    if (same(next, old)) return structuredClone(old);
    const isFree =
      (next.metadata.finalizers ?? []).length === 0 && (namespaceFinalizers(type, next) ?? []).length === 0;
    const isGraceful = type.resource === 'pods' && isRunning(next);
    if (next.metadata.deletionTimestamp === undefined || !isFree || isGraceful) return this.#stored.put(type, next);
    this.#stored.remove(type, next);
    return structuredClone(next);
  }
}

function merged(old: Loose, object: Loose, subresource: string): Loose {
  const keep = {
    uid: old.metadata.uid,
    creationTimestamp: old.metadata.creationTimestamp,
    resourceVersion: old.metadata.resourceVersion,
  };
  if (subresource === 'status') {
    const { annotations, finalizers } = object.metadata;
    const metadata = { ...old.metadata, ...(annotations !== undefined && { annotations }) };
    if (finalizers === undefined) delete metadata.finalizers;
    else metadata.finalizers = finalizers;
    return { ...old, metadata, status: object.status };
  }
  if (subresource === 'finalize') return { ...old, spec: { ...old.spec, finalizers: object.spec?.finalizers } };
  const generation = (old.metadata.generation ?? 1) + (same(old.spec, object.spec) ? 0 : 1);
  const next: Loose = { ...object, metadata: { ...object.metadata, ...keep, generation } };
  if (old.status !== undefined) next.status = old.status;
  return next;
}

function checkPreconditions(type: AnyType, { metadata }: KubeObject, { preconditions = {} }: DeleteOptions): void {
  const { uid = metadata.uid, resourceVersion = metadata.resourceVersion } = preconditions;
  if (uid !== metadata.uid) throw conflict(type, metadata.name ?? '', 'another UID');
  if (resourceVersion !== metadata.resourceVersion) throw conflict(type, metadata.name ?? '', 'another version');
}

function namespaceFinalizers(type: AnyType, object: KubeObject): string[] | undefined {
  return type.resource === 'namespaces' ? (object as Namespace).spec?.finalizers : undefined;
}

/** Assigned to a node and not ended: its kubelet has to end it. */
function isRunning(object: KubeObject): boolean {
  const { spec, status } = object as Pod;
  return (spec?.nodeName ?? '') !== '' && status?.phase !== 'Succeeded' && status?.phase !== 'Failed';
}

function selectorOf({ namespace, labelSelector, fieldSelector }: ListOptions): (object: KubeObject) => boolean {
  const labels = labelSelector === undefined ? undefined : parseLabelSelector(labelSelector);
  const fields = fieldSelector === undefined ? undefined : parseFieldSelector(fieldSelector);
  return (object) => {
    if (namespace !== undefined && object.metadata.namespace !== namespace) return false;
    if (labels !== undefined && !labels(object.metadata.labels)) return false;
    return fields === undefined || matchesFields(fields, (field) => fieldOf(object, field));
  };
}

function fieldOf(object: KubeObject, field: string): string {
  if (field === 'metadata.name') return object.metadata.name ?? '';
  if (field === 'metadata.namespace') return object.metadata.namespace ?? '';
  throw new Error(`the fake cannot select by ${field}`);
}

/** Every request takes a turn of the event loop. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Ends pods that are to end and runs the others, as kubelets of all nodes would. Ends with the signal. */
export async function runFakeKubelets(cluster: FakeCluster, signal: AbortSignal): Promise<void> {
  let address = 1;
  for await (const { type, object } of cluster.watch(pods, { signal, resourceVersion: '0' })) {
    const key = { namespace: object.metadata.namespace, name: object.metadata.name ?? '' };
    if (type === 'DELETED' || (object.spec?.nodeName ?? '') === '') continue;
    const ignore = (): undefined => undefined;
    if (object.metadata.deletionTimestamp !== undefined) {
      await cluster.delete(pods, key, { gracePeriodSeconds: 0 }).catch(ignore);
    } else if (object.status?.phase === 'Pending') {
      address += 1;
      const podIP = `10.45.0.${address}`;
      const ready = { type: 'Ready', status: 'True', lastTransitionTime: formatTime(new Date()) };
      const status = { phase: 'Running', podIP, podIPs: [{ ip: podIP }], conditions: [ready] };
      await cluster.patch(pods, key, { status }, { type: 'strategic', subresource: 'status' }).catch(ignore);
    }
  }
}
