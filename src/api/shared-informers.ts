/** Informers over one client, one connection for each selection however many ask for it. */
import type { ApiClient, KubeObject } from './client.ts';
import type { IndexSet } from './index-set.ts';
import type { Informer, InformerFactory, InformerOptions } from './informer.ts';
import type { Logger } from './logger.ts';
import { Mirror } from './mirror.ts';
import { reflect } from './reflector.ts';
import type { ResourceType } from './resources.ts';

/** One selection's mirror; many informers, each with indexes of its own, look at it. */
interface Shared<T extends KubeObject> {
  readonly mirror: Mirror<T>;
  readonly synced: Promise<void>;
  hasSynced: boolean;
  isHeard: boolean;
  readonly views: Map<unknown, Informer<T>>;
}

function selectionKey(
  type: ResourceType<KubeObject>,
  options: Pick<InformerOptions<never>, 'namespace' | 'labelSelector' | 'fieldSelector'>,
): string {
  const { namespace, labelSelector, fieldSelector } = options;
  return JSON.stringify([type.group, type.version, type.resource, namespace, labelSelector, fieldSelector]);
}

function view<T extends KubeObject>(shared: Shared<T>, indexes: IndexSet<T>): Informer<T> {
  const { mirror } = shared;
  return {
    synced: shared.synced,
    get hasSynced() {
      return shared.hasSynced;
    },
    get isCurrent() {
      return shared.hasSynced && shared.isHeard;
    },
    get: (key) => mirror.get(key),
    list: () => mirror.list(),
    byIndex: (index, value) => indexes.get(index, value),
    onChange: (handler) => mirror.subscribe(handler),
  };
}

export interface InformerFactoryOptions {
  readonly logger: Logger;
  /** Ends all informers of the factory. */
  readonly signal: AbortSignal;
}

/**
 * An informer starts to list when it is first asked for. `synced` never rejects: it stays open when the signal fires
 * first. Objects are not frozen (that costs more than it saves): do not change them.
 */
export function createInformerFactory(client: ApiClient, { logger, signal }: InformerFactoryOptions): InformerFactory {
  const all = new Map<string, Shared<never>>();
  /** Who keeps other parts of the objects has a copy of its own. */
  const keepers: unknown[] = [undefined];
  const keeperOf = (keep: unknown): number => {
    if (!keepers.includes(keep)) keepers.push(keep);
    return keepers.indexOf(keep);
  };

  const start = <T extends KubeObject>(type: ResourceType<T>, options: InformerOptions<T>): Shared<T> => {
    const { namespace, labelSelector, fieldSelector, keep, pageSize } = options;
    const { promise, resolve } = Promise.withResolvers<void>();
    const mirror = new Mirror<T>(logger.with({ resource: type.resource }));
    const shared: Shared<T> = { mirror, synced: promise, hasSynced: false, isHeard: false, views: new Map() };
    const selection = {
      ...(namespace === undefined ? {} : { namespace }),
      ...(labelSelector === undefined ? {} : { labelSelector }),
      ...(fieldSelector === undefined ? {} : { fieldSelector }),
    };
    const onSynced = (): void => {
      shared.hasSynced = true;
      resolve();
    };
    const onHeard = (isHeard: boolean): void => {
      shared.isHeard = isHeard;
    };
    void reflect({ client, type, selection, mirror, logger, signal, onSynced, onHeard, keep, pageSize });
    return shared;
  };

  return {
    informer<T extends KubeObject>(type: ResourceType<T>, options: InformerOptions<T> = {}): Informer<T> {
      const key = `${keeperOf(options.keep)} ${selectionKey(type, options)}`;
      let shared = all.get(key) as Shared<T> | undefined;
      if (shared === undefined) {
        shared = start(type, options);
        all.set(key, shared as unknown as Shared<never>);
      }
      const known = shared.views.get(options.indexes);
      if (known !== undefined) return known;
      const made = view(shared, shared.mirror.addIndexes(options.indexes ?? {}));
      shared.views.set(options.indexes, made);
      return made;
    },
  };
}
