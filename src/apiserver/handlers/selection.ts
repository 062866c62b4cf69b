/** labelSelector and fieldSelector of lists, watches and deletions of collections. */
import type { KubeObject } from '../../api/client.ts';
import { matchesFields, parseFieldSelector, parseLabelSelector } from '../../api/selectors.ts';
import { badRequest } from '../errors.ts';
import type { ResourceRequest } from '../request.ts';
import type { ResourceRow } from '../resource.ts';

export type Selection = (object: KubeObject) => boolean;

/** A field's value as text. Throws 400 for a field that this resource cannot be selected by. */
function fieldReader(row: ResourceRow, field: string): (object: KubeObject) => string {
  if (field === 'metadata.name') return ({ metadata }) => metadata.name ?? '';
  if (field === 'metadata.namespace' && row.type.namespaced) return ({ metadata }) => metadata.namespace ?? '';
  const fields = row.strategy.selectableFields ?? {};
  const read = Object.hasOwn(fields, field) ? fields[field] : undefined;
  if (read === undefined) throw badRequest(`field label not supported: ${field}`);
  return read;
}

/** Undefined when everything is selected, so that nothing need be decoded. Throws 400. */
export function selectionOf({ row, query, path }: ResourceRequest): Selection | undefined {
  const labels = query.get('labelSelector') ?? '';
  const terms = [...parseFieldSelector(query.get('fieldSelector') ?? '')];
  if (path.name !== '') terms.push({ field: 'metadata.name', value: path.name, equal: true });
  if (labels === '' && terms.length === 0) return undefined;
  const matchesLabels = parseLabelSelector(labels);
  const readers = new Map(terms.map(({ field }) => [field, fieldReader(row, field)]));
  return (object) =>
    matchesLabels(object.metadata.labels) && matchesFields(terms, (field) => readers.get(field)?.(object) ?? '');
}
