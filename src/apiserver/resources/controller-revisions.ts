/** ControllerRevisions: what a DaemonSet or StatefulSet was, so that it can be that again. */
import { controllerRevisions } from '../../api/resources.ts';
import type { ControllerRevision } from '../../api/types.gen.ts';
import type { FieldError, ResourceRow } from '../resource.ts';
import { immutable, nonNegative, required } from '../validation/field-error.ts';
import { validateMeta, validateMetaUpdate } from '../validation/metadata.ts';
import { nameIsSubdomain } from '../validation/names.ts';
import { same } from '../validation/same.ts';
import { ageColumn, column, count, nameColumn } from './columns.ts';

function validate(each: ControllerRevision): FieldError[] {
  return [
    ...validateMeta(each.metadata, true, nameIsSubdomain),
    ...(each.data === undefined || each.data === null ? [required('data', 'data is mandatory')] : []),
    ...nonNegative('revision', each.revision),
  ];
}

function controller({ metadata }: ControllerRevision): string {
  const owner = metadata.ownerReferences?.find((reference) => reference.controller === true);
  if (owner === undefined) return '<none>';
  const [group = ''] = owner.apiVersion.includes('/') ? owner.apiVersion.split('/') : [''];
  return `${owner.kind.toLowerCase()}${group === '' ? '' : `.${group}`}/${owner.name}`;
}

export const controllerRevisionRow: ResourceRow<ControllerRevision> = {
  type: controllerRevisions,
  singular: 'controllerrevision',
  subresources: [],
  columns: [
    nameColumn,
    column('Controller', 'Whose revision it is.', controller),
    count('Revision', 'Its number; the highest is the newest.', ({ revision }) => revision),
    ageColumn,
  ],
  strategy: {
    setDefaults: (each) => {
      each.revision ??= 0;
    },
    validate,
    validateUpdate: (each, old) => [
      ...validateMetaUpdate(each.metadata, old.metadata),
      ...(same(each.data, old.data) ? [] : [immutable('data', each.data)]),
    ],
  },
};
