/** ServiceCIDRs: ranges that Services take their addresses from (KEP-1880). */
import { tryParseCIDR } from '../../../api/addresses.ts';
import { serviceCIDRs } from '../../../api/resources.ts';
import type { ServiceCIDR } from '../../../api/types.gen.ts';
import type { FieldError, ResourceRow } from '../../resource.ts';
import { validateCIDR } from '../../validation/addresses.ts';
import { immutable, invalid, required } from '../../validation/field-error.ts';
import { validateMeta, validateMetaUpdate } from '../../validation/metadata.ts';
import { nameIsSubdomain } from '../../validation/names.ts';
import { ageColumn, column, nameColumn } from '../columns.ts';

const PATH = 'spec.cidrs';

const cidrsOf = ({ spec }: ServiceCIDR): readonly string[] => spec?.cidrs ?? [];

function validateRanges(each: ServiceCIDR): FieldError[] {
  const cidrs = cidrsOf(each);
  if (cidrs.length === 0) return [required(PATH, 'at least one CIDR required')];
  if (cidrs.length > 2) return [invalid(PATH, each.spec, 'may only hold up to 2 values')];
  const errors = cidrs.flatMap((cidr, i) => validateCIDR(`${PATH}[${i}]`, cidr));
  const families = cidrs.flatMap((cidr) => tryParseCIDR(cidr)?.family ?? []);
  if (families.length < 2 || families[0] !== families[1]) return errors;
  const detail = 'may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64';
  return [...errors, invalid(PATH, cidrs, detail)];
}

/** A second family may come; else all stays. */
function validateChange(each: ServiceCIDR, old: ServiceCIDR): FieldError[] {
  const [now, before] = [cidrsOf(each), cidrsOf(old)];
  const joined = before.length === 1 && now.length === 2;
  if (now.length !== before.length && !joined) return [immutable(PATH, now)];
  return before.flatMap((cidr, i) => (cidr === now[i] ? [] : [immutable(`${PATH}[${i}]`, now[i])]));
}

export const serviceCIDRRow: ResourceRow<ServiceCIDR> = {
  type: serviceCIDRs,
  singular: 'servicecidr',
  subresources: ['status'],
  columns: [nameColumn, column('CIDRs', 'Its ranges.', (each) => cidrsOf(each).join(',')), ageColumn],
  strategy: {
    prepareForCreate: (each) => {
      each.status = {};
    },
    prepareForUpdate: (each, old) => {
      each.status = structuredClone(old.status) ?? {};
    },
    prepareForStatusUpdate: (each, old) => {
      each.spec = structuredClone(old.spec) ?? {};
    },
    validate: (each) => [...validateMeta(each.metadata, false, nameIsSubdomain), ...validateRanges(each)],
    validateUpdate: (each, old, { subresource }) => [
      ...validateMetaUpdate(each.metadata, old.metadata),
      ...(subresource === 'status' ? [] : validateChange(each, old)),
    ],
  },
};
