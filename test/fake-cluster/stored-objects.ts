/** The objects of a fake API server: resource versions, history, watchers. */
import type { KubeObject, WatchEvent } from '../../src/api/client.ts';
import { apiError } from '../../src/api/errors.ts';
import { keyOf } from '../../src/api/informer.ts';
import type { ResourceType } from '../../src/api/resources.ts';

export type AnyType = ResourceType<KubeObject>;

interface Entry {
  readonly version: number;
  readonly event: WatchEvent<KubeObject>;
}

interface Table {
  readonly objects: Map<string, KubeObject>;
  readonly history: Entry[];
  readonly listeners: Set<() => void>;
}

export class StoredObjects {
  readonly #tables = new Map<string, Table>();
  version = 0;

  table(type: AnyType): Table {
    const key = `${type.group}/${type.resource}`;
    let table = this.#tables.get(key);
    if (table === undefined) {
      table = { objects: new Map(), history: [], listeners: new Set() };
      this.#tables.set(key, table);
    }
    return table;
  }

  get(type: AnyType, key: string): KubeObject | undefined {
    return this.table(type).objects.get(key);
  }

  /** Throws 404. */
  must(type: AnyType, key: string): KubeObject {
    const object = this.get(type, key);
    if (object === undefined) throw notFound(type, key);
    return object;
  }

  put(type: AnyType, object: KubeObject): KubeObject {
    const table = this.table(type);
    const key = keyOf(object);
    const kind = table.objects.has(key) ? 'MODIFIED' : 'ADDED';
    this.version += 1;
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(this.version) } };
    table.objects.set(key, stored);
    this.#tell(table, { type: kind, object: stored });
    return structuredClone(stored);
  }

  remove(type: AnyType, object: KubeObject): void {
    const table = this.table(type);
    table.objects.delete(keyOf(object));
    this.version += 1;
    const last = { ...object, metadata: { ...object.metadata, resourceVersion: String(this.version) } };
    this.#tell(table, { type: 'DELETED', object: last });
  }

  /** Everything after `version`, from history and then live; each event `lagMs` after it happened. */
  async *watch(
    type: AnyType,
    version: number,
    signal: AbortSignal,
    lagMs: () => number,
  ): AsyncIterable<WatchEvent<KubeObject>> {
    const table = this.table(type);
    let next = table.history.findIndex((entry) => entry.version > version);
    if (next === -1) next = table.history.length;
    let wake: () => void = () => undefined;
    const listener = (): void => wake();
    table.listeners.add(listener);
    signal.addEventListener('abort', listener);
    try {
      while (!signal.aborted) {
        const entry = table.history[next];
        if (entry === undefined) {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
          continue;
        }
        next += 1;
        const lag = lagMs();
        await new Promise<void>((resolve) => (lag === 0 ? setImmediate(resolve) : setTimeout(resolve, lag)));
        if (!signal.aborted) yield structuredClone(entry.event);
      }
    } finally {
      table.listeners.delete(listener);
      signal.removeEventListener('abort', listener);
    }
  }

  #tell(table: Table, event: WatchEvent<KubeObject>): void {
    table.history.push({ version: this.version, event });
    for (const listener of [...table.listeners]) listener();
  }
}

export function notFound(type: AnyType, key: string): Error {
  return apiError({ code: 404, reason: 'NotFound', message: `${type.resource} "${key}" not found` });
}

export function conflict(type: AnyType, key: string, why: string): Error {
  return apiError({ code: 409, reason: 'Conflict', message: `${type.resource} "${key}": ${why}` });
}
