/** Leases: who leads, and which nodes live. */
import { leases } from '../../api/resources.ts';
import type { Lease } from '../../api/types.gen.ts';
import type { FieldError, ResourceRow } from '../resource.ts';
import { invalid, nonNegative } from '../validation/field-error.ts';
import { validateMeta, validateMetaUpdate } from '../validation/metadata.ts';
import { nameIsSubdomain } from '../validation/names.ts';
import { ageColumn, column, nameColumn } from './columns.ts';

function validate(lease: Lease): FieldError[] {
  const { leaseDurationSeconds: duration, leaseTransitions } = lease.spec ?? {};
  return [
    ...validateMeta(lease.metadata, true, nameIsSubdomain),
    ...(duration !== undefined && duration <= 0
      ? [invalid('spec.leaseDurationSeconds', duration, 'must be greater than 0')]
      : []),
    ...nonNegative('spec.leaseTransitions', leaseTransitions),
  ];
}

export const leaseRow: ResourceRow<Lease> = {
  type: leases,
  singular: 'lease',
  subresources: [],
  columns: [nameColumn, column('Holder', 'Who holds it.', (lease) => lease.spec?.holderIdentity ?? ''), ageColumn],
  strategy: {
    validate,
    validateUpdate: (lease, old) => validateMetaUpdate(lease.metadata, old.metadata),
  },
};
