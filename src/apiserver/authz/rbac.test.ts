import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PolicyRule, Subject } from '../../api/types.gen.ts';
import { printRules, uncovered } from './covers.ts';
import { ruleAllows } from './policy-rule.ts';
import { decideByRoles, rulesFor } from './rbac.ts';
import { ask, binding, pods, policyOf } from './testing.ts';

const user = (name: string): Subject => ({ kind: 'User', name });
const group = (name: string): Subject => ({ kind: 'Group', name });
const account = (name: string, namespace?: string): Subject => ({
  kind: 'ServiceAccount',
  name,
  ...(namespace !== undefined && { namespace }),
});

describe('a rule allows', () => {
  const named = pods(['get', 'list', 'create'], { resourceNames: ['p'] });
  const cases: readonly [string, PolicyRule, Parameters<typeof ask>, boolean][] = [
    ['what it says', pods(['get']), ['u', [], 'get', 'pods'], true],
    ['no other verb', pods(['get']), ['u', [], 'list', 'pods'], false],
    ['no other group', pods(['get']), ['u', [], 'get', 'pods.metrics.k8s.io'], false],
    ['no subresource by the resource', pods(['get']), ['u', [], 'get', 'pods/exec'], false],
    ['the subresource by its name', pods(['get'], { resources: ['pods/log'] }), ['u', [], 'get', 'pods/log'], true],
    ['not the resource by it', pods(['get'], { resources: ['pods/log'] }), ['u', [], 'get', 'pods'], false],
    ['*/scale', pods(['*'], { apiGroups: ['*'], resources: ['*/scale'] }), ['u', [], 'get', 'rs.apps/scale'], true],
    ['no other than */scale', pods(['*'], { resources: ['*/scale'] }), ['u', [], 'get', 'pods/upscale'], false],
    ['subresources by *', pods(['*'], { resources: ['*'] }), ['u', [], 'create', 'pods/exec'], true],
    ['names', named, ['u', [], 'get', 'pods', { name: 'p' }], true],
    ['no other names', named, ['u', [], 'get', 'pods', { name: 'q' }], false],
    ['nothing without a name', named, ['u', [], 'create', 'pods'], false],
    ['no path by resources', pods(['*'], { apiGroups: ['*'], resources: ['*'] }), ['u', [], 'get', '/api'], false],
    ['paths', { verbs: ['get'], nonResourceURLs: ['/api'] }, ['u', [], 'get', '/api'], true],
    ['no longer paths', { verbs: ['get'], nonResourceURLs: ['/api'] }, ['u', [], 'get', '/apis'], false],
    ['what begins so', { verbs: ['get'], nonResourceURLs: ['/api/*'] }, ['u', [], 'get', '/api/v1'], true],
    ['no resource by paths', { verbs: ['*'], nonResourceURLs: ['*'] }, ['u', [], 'get', 'pods'], false],
  ];
  for (const [name, rule, asked, expected] of cases) {
    it(name, () => assert.equal(ruleAllows(rule, ask(...asked)), expected));
  }
});

describe('bindings decide', () => {
  const policy = policyOf({ reader: [pods(['get'])] }, [
    binding('reader', [user('jane')]),
    binding('reader', [group('dev')], 'shop'),
    binding('reader', [account('robot'), account('guest', 'other')], 'shop'),
    binding('reader', [account('nobody')]),
    binding('gone', [user('bob')]),
  ]);
  const shop = { namespace: 'shop' };
  const cases: readonly [string, Parameters<typeof ask>, boolean][] = [
    ['for a user everywhere', ['jane', [], 'get', 'pods', { namespace: 'any' }], true],
    ['at the cluster scope', ['jane', [], 'get', 'pods'], true],
    ['for no other user', ['jan', [], 'get', 'pods'], false],
    ['for a group in its namespace', ['x', ['dev'], 'get', 'pods', shop], true],
    ['not in another', ['x', ['dev'], 'get', 'pods', { namespace: 'shop2' }], false],
    ['not at the cluster scope', ['x', ['dev'], 'get', 'pods'], false],
    ['not for a user named as the group', ['dev', [], 'get', 'pods', shop], false],
    ['not for a group named as the user', ['x', ['jane'], 'get', 'pods'], false],
    ['for an account of the namespace', ['system:serviceaccount:shop:robot', [], 'get', 'pods', shop], true],
    ['not for its namesake', ['system:serviceaccount:other:robot', [], 'get', 'pods', shop], false],
    ['for an account of another', ['system:serviceaccount:other:guest', [], 'get', 'pods', shop], true],
    ['not for an account without a namespace', ['system:serviceaccount::nobody', [], 'get', 'pods'], false],
    ['not for somebody anonymous', ['system:anonymous', ['system:unauthenticated'], 'get', 'pods', shop], false],
  ];
  for (const [name, asked, expected] of cases) {
    it(name, () => assert.equal(decideByRoles(policy, ask(...asked)).allowed, expected));
  }

  it('and say which one it was, or which role is missing', () => {
    const { reason } = decideByRoles(policy, ask('x', ['dev'], 'get', 'pods', shop));
    assert.equal(reason, 'RBAC: allowed by RoleBinding "reader-binding/shop" of ClusterRole "reader" to Group "dev"');
    assert.equal(
      decideByRoles(policy, ask('bob', [], 'get', 'pods')).reason,
      'RBAC: clusterrole.rbac.authorization.k8s.io "gone" not found',
    );
  });

  it('until they go, or change', () => {
    const changing = policyOf({ reader: [pods(['get'])] }, [binding('reader', [user('jane'), group('dev')])]);
    const may = (name: string): boolean => decideByRoles(changing, ask(name, [], 'get', 'pods')).allowed;
    changing.setBinding('0', binding('reader', [user('bob')]));
    assert.deepEqual([may('jane'), may('bob')], [false, true]);
    changing.setRole('', 'reader', [pods(['list'])]);
    assert.equal(may('bob'), false);
    changing.setRole('', 'reader', [pods(['get'])]);
    changing.setBinding('0', undefined);
    assert.equal(may('bob'), false);
  });

  it('a Role of the namespace is no ClusterRole of the name', () => {
    const both = policyOf({ reader: [pods(['delete'])] }, [binding('reader', [user('jane')], 'shop', 'Role')]);
    both.setRole('shop', 'reader', [pods(['get'])]);
    assert.deepEqual(rulesFor(both, { name: 'jane', groups: [] }, 'shop'), [pods(['get'])]);
    both.setRole('shop', 'reader', undefined);
    assert.equal(decideByRoles(both, ask('jane', [], 'delete', 'pods', shop)).allowed, false);
  });
});

describe('who holds a rule', () => {
  const all = pods(['*'], { apiGroups: ['*'], resources: ['*'] });
  const cases: readonly [string, PolicyRule[], PolicyRule, boolean][] = [
    ['by itself', [pods(['get'])], pods(['get']), true],
    ['by several', [pods(['get']), pods(['list'])], pods(['get', 'list']), true],
    ['not in part', [pods(['get'])], pods(['get', 'list']), false],
    ['not by all verbs there are for *', [pods(['get', 'list', 'watch'])], pods(['*']), false],
    ['by *', [all], pods(['*'], { resources: ['pods/exec'] }), true],
    ['not the subresource by the resource', [pods(['get'])], pods(['get'], { resources: ['pods/log'] }), false],
    ['names by all names', [pods(['get'])], pods(['get'], { resourceNames: ['p'] }), true],
    ['not all names by one', [pods(['get'], { resourceNames: ['p'] })], pods(['get']), false],
    [
      'not another name',
      [pods(['get'], { resourceNames: ['p'] })],
      pods(['get'], { resourceNames: ['p', 'q'] }),
      false,
    ],
    ['paths not by resources', [all], { verbs: ['get'], nonResourceURLs: ['/api'] }, false],
    [
      'paths by what begins so',
      [{ verbs: ['get'], nonResourceURLs: ['/api/*'] }],
      { verbs: ['get'], nonResourceURLs: ['/api/v1', '/api/v1/*'] },
      true,
    ],
    [
      'no wider path',
      [{ verbs: ['get'], nonResourceURLs: ['/api/*'] }],
      { verbs: ['get'], nonResourceURLs: ['*'] },
      false,
    ],
  ];
  for (const [name, owned, wanted, expected] of cases) {
    it(name, () => assert.equal(uncovered(owned, [wanted]).length === 0, expected));
  }

  it('what is missing is printed as upstream prints it', () => {
    const wanted = [pods(['get', 'list']), pods(['get'], { resources: ['nodes'] })];
    assert.equal(
      printRules(uncovered([], wanted)),
      '{APIGroups:[""], Resources:["nodes"], Verbs:["get"]}\n{APIGroups:[""], Resources:["pods"], Verbs:["get" "list"]}',
    );
  });

  it('a rule that multiplies without end is not taken apart', () => {
    const many = Array.from({ length: 1000 }, (_, index) => `x${index}`);
    assert.throws(() => uncovered([], [{ verbs: many, apiGroups: many, resources: many }]), RangeError);
  });
});
