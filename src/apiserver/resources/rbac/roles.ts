/** Roles and ClusterRoles: rules of who may do what, for whom bindings name. */
import type { KubeObject } from '../../../api/client.ts';
import { clusterRoles, roles } from '../../../api/resources.ts';
import type { ClusterRole, PolicyRule, Role } from '../../../api/types.gen.ts';
import type { Column, FieldError, ResourceRow } from '../../resource.ts';
import { invalid, required } from '../../validation/field-error.ts';
import { validateLabelSelector } from '../../validation/label-selector.ts';
import { validateMeta, validateMetaUpdate } from '../../validation/metadata.ts';
import { nameIsPathSegment } from '../../validation/names.ts';
import { nameColumn } from '../columns.ts';

function validateRule(rule: PolicyRule, path: string, namespaced: boolean): FieldError[] {
  const { verbs, apiGroups, resources, resourceNames, nonResourceURLs } = rule;
  const errors: FieldError[] = [];
  if (!verbs.length) errors.push(required(`${path}.verbs`, 'verbs must contain at least one value'));
  if (nonResourceURLs?.length) {
    const field = `${path}.nonResourceURLs`;
    if (namespaced) errors.push(invalid(field, nonResourceURLs, 'namespaced rules cannot apply to non-resource URLs'));
    if (apiGroups?.length || resources?.length || resourceNames?.length) {
      const detail = 'rules cannot apply to both regular resources and non-resource URLs';
      errors.push(invalid(field, nonResourceURLs, detail));
    }
    return errors;
  }
  if (!apiGroups?.length) {
    errors.push(required(`${path}.apiGroups`, 'resource rules must supply at least one api group'));
  }
  if (!resources?.length) {
    errors.push(required(`${path}.resources`, 'resource rules must supply at least one resource'));
  }
  return errors;
}

const validateRole = (role: Role, namespaced: boolean): FieldError[] => [
  ...validateMeta(role.metadata, namespaced, nameIsPathSegment),
  ...(role.rules ?? []).flatMap((rule, index) => validateRule(rule, `rules[${index}]`, namespaced)),
];

function validateAggregation({ aggregationRule }: ClusterRole): FieldError[] {
  if (aggregationRule === undefined) return [];
  const path = 'aggregationRule.clusterRoleSelectors';
  const selectors = aggregationRule.clusterRoleSelectors ?? [];
  if (selectors.length === 0) {
    return [required(path, 'at least one clusterRoleSelector required if aggregationRule is non-nil')];
  }
  return selectors.flatMap((selector, index) => validateLabelSelector(selector, `${path}[${index}]`));
}

const createdColumn: Column<KubeObject> = {
  name: 'Created At',
  type: 'date',
  description: 'When the object was created.',
  cell: ({ metadata }) => metadata.creationTimestamp,
};

/** A role of older clients may come without rules or with rules without verbs. */
function setDefaults(role: Role): void {
  for (const rule of role.rules ?? []) rule.verbs ??= [];
}

export const roleRow: ResourceRow<Role> = {
  type: roles,
  singular: 'role',
  subresources: [],
  columns: [nameColumn, createdColumn],
  strategy: {
    setDefaults,
    validate: (role) => validateRole(role, true),
    validateUpdate: (role, old) => validateMetaUpdate(role.metadata, old.metadata),
  },
};

export const clusterRoleRow: ResourceRow<ClusterRole> = {
  type: clusterRoles,
  singular: 'clusterrole',
  subresources: [],
  columns: [nameColumn, createdColumn],
  strategy: {
    setDefaults,
    validate: (role) => [...validateRole(role, false), ...validateAggregation(role)],
    validateUpdate: (role, old) => validateMetaUpdate(role.metadata, old.metadata),
  },
};
