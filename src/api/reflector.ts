/** Keeps a mirror equal to the server: LIST once, then WATCH, resumed from where it broke off. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiClient, KubeObject, ListOptions } from './client.ts';
import { ApiError, isGone } from './errors.ts';
import type { Logger } from './logger.ts';
import type { Mirror } from './mirror.ts';
import type { ResourceType } from './resources.ts';

export interface ReflectorOptions<T extends KubeObject> {
  readonly client: ApiClient;
  readonly type: ResourceType<T>;
  readonly selection: Pick<ListOptions, 'namespace' | 'labelSelector' | 'fieldSelector'>;
  readonly mirror: Mirror<T>;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** Called after the first LIST is in the mirror. */
  readonly onSynced: () => void;
  /** Called when the watch stands, and when it broke off. */
  readonly onHeard?: (isHeard: boolean) => void;
  readonly keep?: ((object: T) => T) | undefined;
  /** Objects of a page; the first LIST comes whole without. */
  readonly pageSize?: number | undefined;
}

const usualPageSize = 5000;
const firstBackoffMs = 100;
const maxBackoffMs = 10_000;

/** 100 ms, doubling, up to 10 s; each somewhere between its half and its whole. */
function backoffMs(failures: number): number {
  const whole = Math.min(maxBackoffMs, firstBackoffMs * 2 ** Math.min(failures - 1, 10));
  return whole / 2 + Math.random() * (whole / 2);
}

/** A server restored from a backup does not know our version yet, and may never: start anew. */
function mustRelist(error: unknown): boolean {
  if (isGone(error)) return true;
  if (!(error instanceof ApiError)) return false;
  return error.status.details?.causes?.some((cause) => cause.reason === 'ResourceVersionTooLarge') ?? false;
}

interface Snapshot<T> {
  readonly items: T[];
  readonly version: string;
}

/** Who set which field is nobody's business here, and as large as all else together. */
function withoutManagedFields<T extends KubeObject>(object: T): T {
  // It is the last field a server writes, so V8 need not change the object's shape to a slow one.
  delete object.metadata.managedFields;
  return object;
}

/** What the server has in memory, in one reply: it may be a moment old, and the watch that follows makes up for that. */
const fromMemory: ListOptions = { resourceVersion: '0' };

/** All objects, reduced page by page, and the version they are a snapshot of. */
async function listAll<T extends KubeObject>(
  { client, type, selection, pageSize: limit = usualPageSize }: ReflectorOptions<T>,
  reduce: (object: T) => T,
  how: ListOptions,
): Promise<Snapshot<T>> {
  let page = await client.list(type, { ...selection, ...how });
  const items = page.items.map(reduce);
  const version = page.metadata.resourceVersion ?? '';
  while (page.metadata.continue !== undefined && page.metadata.continue !== '') {
    page = await client.list(type, { ...selection, limit, continue: page.metadata.continue });
    for (const item of page.items) items.push(reduce(item));
  }
  return { items, version };
}

/** Runs until the signal fires; never rejects. */
export async function reflect<T extends KubeObject>(options: ReflectorOptions<T>): Promise<void> {
  const { client, type, selection, mirror, signal } = options;
  const logger = options.logger.with({ resource: type.resource });
  let version: string | undefined;
  let failures = 0;
  let listed = false;
  const reduce = (object: T): T => {
    const rest = withoutManagedFields(object);
    return options.keep === undefined ? rest : options.keep(rest);
  };

  const list = async (): Promise<string> => {
    // Once something is known, an older state must not come back; and what memory refused is asked for in pages.
    const { pageSize } = options;
    const how = listed || pageSize !== undefined ? { limit: pageSize ?? usualPageSize } : fromMemory;
    listed = true;
    const all = await listAll(options, reduce, how);
    if (!signal.aborted) {
      mirror.replaceAll(all.items);
      options.onSynced();
    }
    return all.version;
  };

  const onOpen = (): void => options.onHeard?.(true);
  const watch = async (resourceVersion: string): Promise<void> => {
    for await (const event of client.watch(type, { ...selection, resourceVersion, signal, onOpen })) {
      if (signal.aborted) return;
      failures = 0;
      if (event.type === 'DELETED') mirror.delete(event.object);
      else if (event.type !== 'BOOKMARK') mirror.put(reduce(event.object));
      version = event.object.metadata.resourceVersion ?? version;
    }
  };

  while (!signal.aborted) {
    const started = Date.now();
    try {
      version ??= await list();
      await watch(version);
      // A server that ends watches as soon as they begin must not be asked in a tight loop.
      failures = Date.now() - started < 1000 ? failures + 1 : 0;
    } catch (error) {
      failures += 1;
      options.onHeard?.(false);
      if (mustRelist(error)) version = undefined;
      if (!signal.aborted) logger.warn('list or watch broke off', { error: String(error), failures });
    }
    if (failures > 0) await sleep(backoffMs(failures), undefined, { signal }).catch(() => undefined);
  }
}
