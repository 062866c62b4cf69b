/** ServiceAccounts. */
import { serviceAccounts } from '../../api/resources.ts';
import type { ServiceAccount } from '../../api/types.gen.ts';
import type { ResourceRow } from '../resource.ts';
import { validateMeta, validateMetaUpdate } from '../validation/metadata.ts';
import { nameIsSubdomain } from '../validation/names.ts';
import { ageColumn, nameColumn } from './columns.ts';

export const serviceAccountRow: ResourceRow<ServiceAccount> = {
  type: serviceAccounts,
  singular: 'serviceaccount',
  shortNames: ['sa'],
  subresources: ['token'],
  columns: [nameColumn, ageColumn],
  strategy: {
    validate: (account) => validateMeta(account.metadata, true, nameIsSubdomain),
    validateUpdate: (account, old) => validateMetaUpdate(account.metadata, old.metadata),
  },
};
