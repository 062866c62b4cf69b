import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ClusterRole, Role, RoleBinding } from '../../../api/types.gen.ts';
import { cells, create, update } from '../testing.ts';
import { clusterRoleBindingRow, roleBindingRow } from './bindings.ts';
import { clusterRoleRow, roleRow } from './roles.ts';

const meta = { name: 'system:Reader', namespace: 'shop' };
const group = 'rbac.authorization.k8s.io';
const supported = (value: string, ...known: string[]): string =>
  `Unsupported value: "${value}": supported values: ${known.map((each) => JSON.stringify(each)).join(', ')}`;

describe('roles', () => {
  const role = (...rules: object[]): Role => ({ metadata: meta, rules: rules as Role['rules'] & object });
  const cases: readonly [string, Role, string[]][] = [
    ['colons and capitals may stand in names', role({ verbs: ['get'], apiGroups: [''], resources: ['pods'] }), []],
    ['no rules are fine', { metadata: meta }, []],
    [
      'a rule needs all three',
      role({}),
      [
        'rules[0].verbs: Required value: verbs must contain at least one value',
        'rules[0].apiGroups: Required value: resource rules must supply at least one api group',
        'rules[0].resources: Required value: resource rules must supply at least one resource',
      ],
    ],
    [
      'paths have no namespace',
      role({ verbs: ['get'], nonResourceURLs: ['/x'] }),
      ['rules[0].nonResourceURLs: Invalid value: ["/x"]: namespaced rules cannot apply to non-resource URLs'],
    ],
    [
      'a name is one segment of a path',
      { metadata: { ...meta, name: 'a/b%' } },
      [
        'metadata.name: Invalid value: "a/b%": may not contain \'/\'',
        'metadata.name: Invalid value: "a/b%": may not contain \'%\'',
      ],
    ],
  ];
  for (const [name, object, errors] of cases) {
    it(name, () => assert.deepEqual(create(roleRow, object).errors, errors));
  }

  it('of the cluster take paths, but not together with resources', () => {
    const rules = [{ verbs: ['get'], nonResourceURLs: ['/x'], resources: ['pods'] }];
    const wrong: ClusterRole = { metadata: { name: 'r' }, rules, aggregationRule: {} };
    assert.deepEqual(create(clusterRoleRow, wrong).errors, [
      'rules[0].nonResourceURLs: Invalid value: ["/x"]: rules cannot apply to both regular resources and non-resource URLs',
      'aggregationRule.clusterRoleSelectors: Required value: at least one clusterRoleSelector required if aggregationRule is non-nil',
    ]);
    const right = { metadata: { name: 'r' }, rules: [{ verbs: ['get'], nonResourceURLs: ['/x'] }] };
    assert.deepEqual(create(clusterRoleRow, right).errors, []);
  });
});

describe('bindings', () => {
  const subjects = [
    { kind: 'User', name: 'jane' },
    { kind: 'Group', name: 'dev' },
    { kind: 'ServiceAccount', name: 'robot', namespace: 'shop' },
  ];
  const binding: RoleBinding = { metadata: meta, roleRef: { kind: 'Role', name: 'r' }, subjects };

  it('get the API group where nobody said it, and print who has what', () => {
    const { object, errors } = create(roleBindingRow, binding);
    assert.deepEqual(errors, []);
    assert.deepEqual(object.roleRef, { apiGroup: group, kind: 'Role', name: 'r' });
    assert.deepEqual(
      object.subjects?.map(({ apiGroup }) => apiGroup),
      [group, group, undefined],
    );
    const { Role: role, Users, Groups, ServiceAccounts } = cells(roleBindingRow, object);
    assert.deepEqual([role, Users, Groups, ServiceAccounts], ['Role/r', 'jane', 'dev', 'shop/robot']);
  });

  it('keep their role', () => {
    const { object } = create(roleBindingRow, binding);
    const { errors } = update(roleBindingRow, object, (copy) => (copy.roleRef.name = 'other'));
    assert.deepEqual(errors, [
      `roleRef: Invalid value: {"kind":"Role","name":"other","apiGroup":"${group}"}: cannot change roleRef`,
    ]);
    assert.deepEqual(update(roleBindingRow, object, (copy) => (copy.subjects = [])).errors, []);
  });

  it('of the cluster bind cluster roles, to accounts with a namespace', () => {
    const wrong: RoleBinding = {
      metadata: { name: 'b' },
      roleRef: { kind: 'Role', name: 'r' },
      subjects: [
        { kind: 'ServiceAccount', name: 'robot' },
        { kind: 'Robot', name: 'x' },
        { kind: 'User', name: '', apiGroup: 'v1' },
      ],
    };
    assert.deepEqual(create(clusterRoleBindingRow, wrong).errors, [
      `roleRef.kind: ${supported('Role', 'ClusterRole')}`,
      'subjects[0].namespace: Required value',
      `subjects[1].kind: ${supported('Robot', 'ServiceAccount', 'User', 'Group')}`,
      'subjects[2].name: Required value',
      `subjects[2].apiGroup: ${supported('v1', group)}`,
    ]);
  });
});
