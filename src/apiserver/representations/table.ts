/** meta/v1 Table: what `kubectl get` prints. https://kubernetes.io/docs/reference/using-api/api-concepts/#receiving-resources-as-tables */
import type { KubeObject } from '../../api/client.ts';
import type { ListMeta } from '../../api/types.gen.ts';
import { badRequest } from '../errors.ts';
import type { Machinery } from '../machinery.ts';
import type { ResourceRequest } from '../request.ts';
import type { ResourceRow } from '../resource.ts';
import { metaVersion, partialObject } from './partial.ts';

interface TableRow {
  readonly cells: readonly (string | number | null)[];
  readonly object?: KubeObject;
}

/** What of each object a row carries: `?includeObject=`. */
type IncludeObject = 'None' | 'Metadata' | 'Object';

/** Throws 400. */
export function includeObjectOf(request: Pick<ResourceRequest, 'query'>): IncludeObject {
  const asked = request.query.get('includeObject') || 'Metadata';
  if (asked === 'None' || asked === 'Metadata' || asked === 'Object') return asked;
  throw badRequest(`unrecognized includeObject value: "${asked}"`);
}

function columnDefinitions({ columns }: ResourceRow): readonly object[] {
  return columns.map(({ name, type, format = '', description, priority = 0 }) => {
    // Dates are sent as they are to be shown: a string, as upstream does it.
    return { name, type: type === 'date' ? 'string' : type, format, description, priority };
  });
}

/** One object as a row. */
export function tableRow(row: ResourceRow, object: KubeObject, now: Date, include: IncludeObject): TableRow {
  const cells = row.columns.map(({ cell }) => cell(object, now) ?? null);
  if (include === 'None') return { cells };
  return { cells, object: include === 'Object' ? object : partialObject(object) };
}

/** A table of rows; `withColumns` false as in all but the first line of a watch. */
export function table(row: ResourceRow, rows: readonly TableRow[], metadata: ListMeta, withColumns = true): object {
  const definitions = withColumns ? columnDefinitions(row) : [];
  return { kind: 'Table', apiVersion: metaVersion, metadata, columnDefinitions: definitions, rows };
}

/** A table of one object. */
export function objectTable(
  machinery: Machinery,
  request: Pick<ResourceRequest, 'row' | 'query'>,
  object: KubeObject,
): object {
  const row = tableRow(request.row, object, machinery.now(), includeObjectOf(request));
  return table(request.row, [row], { resourceVersion: object.metadata.resourceVersion ?? '' });
}
