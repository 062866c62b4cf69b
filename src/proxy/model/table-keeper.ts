/** Keeps the table of one family up to date, Service by Service: what did not change is not computed again. Pure. */
import { keyOf } from '../../api/informer.ts';
import type { EndpointSlice, Service } from '../../api/types.gen.ts';
import type { Family } from '../../kernel/family.ts';
import type { Whereabouts } from './endpoints.ts';
import { servicePorts } from './service-ports.ts';
import type { ServicePort, Table } from './service-port.ts';

/** Where the objects come from: the API's copies in memory. */
export interface ObjectSource {
  services(): readonly Service[];
  service(key: string): Service | undefined;
  slicesOf(key: string): readonly EndpointSlice[];
  whereabouts(): Whereabouts;
}

/** A Service whose ports are other ones than before; nothing is an empty list. */
export interface ServiceChange {
  readonly key: string;
  readonly before: readonly ServicePort[];
  readonly after: readonly ServicePort[];
}

export interface TableKeeper {
  readonly table: Table;
  /** Computes these Services anew, or all of them, and tells those that differ. */
  update(keys: ReadonlySet<string> | 'all'): readonly ServiceChange[];
}

const none: readonly ServicePort[] = [];
const same = (a: readonly ServicePort[], b: readonly ServicePort[]): boolean =>
  a.length === b.length && (a.length === 0 || JSON.stringify(a) === JSON.stringify(b));

export function createTableKeeper(source: ObjectSource, family: Family): TableKeeper {
  const table = new Map<string, readonly ServicePort[]>();
  return {
    table,
    update: (keys) => {
      const where = source.whereabouts();
      const all = keys === 'all' ? [...table.keys(), ...source.services().map(keyOf)] : keys;
      const changes: ServiceChange[] = [];
      for (const key of new Set(all)) {
        const service = source.service(key);
        const before = table.get(key) ?? none;
        const after = service === undefined ? none : servicePorts(service, source.slicesOf(key), family, where);
        if (same(before, after)) continue;
        if (after.length === 0) table.delete(key);
        else table.set(key, after);
        changes.push({ key, before, after });
      }
      return changes;
    },
  };
}

/** The table of these objects, made at once. */
export function tableOf(source: ObjectSource, family: Family): Table {
  const keeper = createTableKeeper(source, family);
  keeper.update('all');
  return keeper.table;
}
