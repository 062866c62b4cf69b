/** RoleBindings and ClusterRoleBindings: who has the rules of a role, in one namespace or everywhere. */
import { clusterRoleBindings, roleBindings } from '../../../api/resources.ts';
import type { RoleBinding, Subject } from '../../../api/types.gen.ts';
import type { Column, FieldError, ResourceRow, Strategy } from '../../resource.ts';
import { invalid, invalidEach, notSupported, required } from '../../validation/field-error.ts';
import { validateMeta, validateMetaUpdate } from '../../validation/metadata.ts';
import { dnsSubdomain, nameIsPathSegment, pathSegment } from '../../validation/names.ts';
import { same } from '../../validation/same.ts';
import { ageColumn, column, nameColumn, wide } from '../columns.ts';

const group = roleBindings.group;

function setDefaults({ roleRef, subjects }: RoleBinding): void {
  if (!roleRef.apiGroup) roleRef.apiGroup = group;
  for (const subject of subjects ?? []) {
    if (!subject.apiGroup && (subject.kind === 'User' || subject.kind === 'Group')) subject.apiGroup = group;
  }
}

function validateSubject(subject: Subject, path: string, namespaced: boolean): FieldError[] {
  const { kind, name, apiGroup = '', namespace } = subject;
  const errors = name ? [] : [required(`${path}.name`)];
  if (kind === 'ServiceAccount') {
    if (name) errors.push(...invalidEach(`${path}.name`, name, dnsSubdomain(name)));
    if (apiGroup !== '') errors.push(notSupported(`${path}.apiGroup`, apiGroup, ['']));
    if (!namespaced && !namespace) errors.push(required(`${path}.namespace`));
  } else if (kind === 'User' || kind === 'Group') {
    if (apiGroup !== group) errors.push(notSupported(`${path}.apiGroup`, apiGroup, [group]));
  } else errors.push(notSupported(`${path}.kind`, kind, ['ServiceAccount', 'User', 'Group']));
  return errors;
}

function validate({ metadata, roleRef, subjects }: RoleBinding, namespaced: boolean): FieldError[] {
  const errors = validateMeta(metadata, namespaced, nameIsPathSegment);
  const kinds = namespaced ? ['Role', 'ClusterRole'] : ['ClusterRole'];
  if (roleRef.apiGroup !== group) errors.push(notSupported('roleRef.apiGroup', roleRef.apiGroup, [group]));
  if (!kinds.includes(roleRef.kind)) errors.push(notSupported('roleRef.kind', roleRef.kind, kinds));
  if (!roleRef.name) errors.push(required('roleRef.name'));
  else errors.push(...invalidEach('roleRef.name', roleRef.name, pathSegment(roleRef.name)));
  return [
    ...errors,
    ...(subjects ?? []).flatMap((subject, index) => validateSubject(subject, `subjects[${index}]`, namespaced)),
  ];
}

const strategy = (namespaced: boolean): Strategy<RoleBinding> => ({
  setDefaults,
  validate: (binding) => validate(binding, namespaced),
  validateUpdate: (binding, old) => [
    ...validateMetaUpdate(binding.metadata, old.metadata),
    ...(same(binding.roleRef, old.roleRef) ? [] : [invalid('roleRef', binding.roleRef, 'cannot change roleRef')]),
  ],
});

function names(kind: string): (binding: RoleBinding) => string {
  return ({ subjects }) =>
    (subjects ?? [])
      .filter((subject) => subject.kind === kind)
      .map(({ namespace = '', name }) => (kind === 'ServiceAccount' ? `${namespace}/${name}` : name))
      .join(', ');
}

const columns: readonly Column<RoleBinding>[] = [
  nameColumn,
  column('Role', 'The role that is bound.', ({ roleRef }) => `${roleRef.kind}/${roleRef.name}`),
  ageColumn,
  wide('Users', 'Users who have the role.', names('User')),
  wide('Groups', 'Groups that have the role.', names('Group')),
  wide('ServiceAccounts', 'ServiceAccounts that have the role.', names('ServiceAccount')),
];

export const roleBindingRow: ResourceRow<RoleBinding> = {
  type: roleBindings,
  singular: 'rolebinding',
  subresources: [],
  columns,
  strategy: strategy(true),
};

export const clusterRoleBindingRow: ResourceRow<RoleBinding> = {
  type: clusterRoleBindings,
  singular: 'clusterrolebinding',
  subresources: [],
  columns,
  strategy: strategy(false),
};
