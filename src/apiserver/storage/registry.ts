/** The rows, by where they stand in a URL. */
import { apiVersionOf } from '../../api/resources.ts';
import { definitionForKind } from '../../api/schema/table.ts';
import type { ResourceRow } from '../resource.ts';

/** One group and version with its rows, for discovery. */
export interface GroupVersion {
  readonly group: string;
  readonly version: string;
  readonly rows: readonly ResourceRow[];
}

export interface Registry {
  readonly groupVersions: readonly GroupVersion[];
  /** The row served under a URL; undefined when there is none. */
  find(group: string, version: string, resource: string): ResourceRow | undefined;
  /** The row's definition in the schema table. */
  definitionOf(row: ResourceRow): string;
}

/** Throws when the schema table has no definition for a row's kind: then nothing could be checked. */
export function createRegistry(rows: readonly ResourceRow[]): Registry {
  const byPath = new Map<string, ResourceRow>();
  const definitionNames = new Map<ResourceRow, string>();
  const groups = new Map<string, { group: string; version: string; rows: ResourceRow[] }>();
  for (const row of rows) {
    const { group, version, resource, kind } = row.type;
    const definition = definitionForKind(group, version, kind);
    if (definition === undefined) throw new Error(`${kind} of ${apiVersionOf(row.type)} is not in the schema table`);
    definitionNames.set(row, definition);
    byPath.set(`${group}/${version}/${resource}`, row);
    const known = groups.get(apiVersionOf(row.type));
    if (known === undefined) groups.set(apiVersionOf(row.type), { group, version, rows: [row] });
    else known.rows.push(row);
  }
  return {
    groupVersions: [...groups.values()],
    find: (group, version, resource) => byPath.get(`${group}/${version}/${resource}`),
    definitionOf: (row) => definitionNames.get(row) as string,
  };
}
