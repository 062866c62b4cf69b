/** IPAddresses: who holds an address (KEP-1880). Those of Services are written by a controller; others reserve by one. */
import { ipAddresses } from '../../../api/resources.ts';
import type { IPAddress, ParentReference } from '../../../api/types.gen.ts';
import type { FieldError, ResourceRow } from '../../resource.ts';
import { validateIP } from '../../validation/addresses.ts';
import { immutable, invalidEach, required } from '../../validation/field-error.ts';
import { validateMeta, validateMetaUpdate } from '../../validation/metadata.ts';
import { pathSegment, type NameRule } from '../../validation/names.ts';
import { same } from '../../validation/same.ts';
import { ageColumn, column, nameColumn } from '../columns.ts';
import { validateGroup, validateSegment } from './references.ts';

const prefix = 'Invalid value: ';
/** Its name is the address; there is nothing to generate. */
const nameIsAddress: NameRule = (name) =>
  validateIP('', name).map(({ message }) => message.slice(prefix.length + JSON.stringify(name).length + 2));

function validateParent(parent: ParentReference | undefined): FieldError[] {
  const path = 'spec.parentRef';
  if (parent === undefined) return [required(path)];
  const { group, resource, name, namespace } = parent;
  return [
    ...validateGroup(`${path}.group`, group),
    ...validateSegment(`${path}.resource`, resource),
    ...validateSegment(`${path}.name`, name),
    ...(namespace ? invalidEach(`${path}.namespace`, namespace, pathSegment(namespace)) : []),
  ];
}

function parentCell(parent: ParentReference | undefined): string {
  if (parent === undefined) return '<none>';
  const { group = '', resource, namespace = '', name } = parent;
  const kind = group === '' ? resource : `${resource}.${group}`;
  return [kind.toLowerCase(), ...(namespace === '' ? [] : [namespace]), name].join('/');
}

export const ipAddressRow: ResourceRow<IPAddress> = {
  type: ipAddresses,
  singular: 'ipaddress',
  shortNames: ['ip'],
  subresources: [],
  columns: [nameColumn, column('ParentRef', 'Who holds it.', ({ spec }) => parentCell(spec.parentRef)), ageColumn],
  strategy: {
    validate: ({ metadata, spec }) => [
      ...validateMeta(metadata, false, nameIsAddress),
      ...validateParent((spec as Partial<IPAddress['spec']> | undefined)?.parentRef),
    ],
    validateUpdate: (each, old) => [
      ...validateMetaUpdate(each.metadata, old.metadata),
      ...(same(each.spec, old.spec) ? [] : [immutable('spec.parentRef', each.spec.parentRef)]),
    ],
    selectableFields: {
      'spec.parentRef.name': ({ spec }) => spec.parentRef.name,
      'spec.parentRef.namespace': ({ spec }) => spec.parentRef.namespace ?? '',
    },
  },
};
