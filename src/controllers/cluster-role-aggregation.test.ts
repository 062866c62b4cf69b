import assert from 'node:assert/strict';
import test from 'node:test';
import { fakeWorld } from '../../test/fake-cluster/controller-context.ts';
import { quiet } from '../../test/fake-cluster/eventually.ts';
import { clusterRoles } from '../api/resources.ts';
import type { ClusterRole, PolicyRule } from '../api/types.gen.ts';
import { aggregatedRules, startClusterRoleAggregation } from './cluster-role-aggregation.ts';

const get = (resource: string): PolicyRule => ({ verbs: ['get'], apiGroups: [''], resources: [resource] });
const gathers = (label: string): ClusterRole['aggregationRule'] => ({
  clusterRoleSelectors: [{ matchLabels: { [label]: 'true' } }],
});

function role(name: string, labels: readonly string[], rules: PolicyRule[], from?: string): ClusterRole {
  const metadata = { name, labels: Object.fromEntries(labels.map((label) => [label, 'true'])) };
  return { metadata, rules, ...(from !== undefined && { aggregationRule: gathers(from) }) };
}

test('a role gathers the rules of all that match, by name, none twice, and not its own', () => {
  const whole = role('whole', ['part'], [get('old')], 'part');
  const others = [
    role('b', ['part'], [get('pods'), get('nodes')]),
    role('a', ['part'], [get('pods')]),
    role('c', ['else'], [get('secrets')]),
  ];
  assert.deepEqual(aggregatedRules(whole, [whole, ...others]), [get('pods'), get('nodes')]);
});

test('what matches a role that matches another comes through, and goes when it matches no longer', async (t) => {
  const { cluster, context } = fakeWorld(t);
  await cluster.create(clusterRoles, role('admin', [], [], 'to-admin'));
  await cluster.create(clusterRoles, role('edit', ['to-admin'], [], 'to-edit'));
  startClusterRoleAggregation(context);
  await cluster.create(clusterRoles, role('custom', ['to-edit'], [get('widgets')]));
  const rulesOf = async (name: string): Promise<unknown> => (await cluster.get(clusterRoles, { name })).rules;
  await quiet(cluster);
  assert.deepEqual([await rulesOf('edit'), await rulesOf('admin')], [[get('widgets')], [get('widgets')]]);
  await cluster.patch(clusterRoles, { name: 'custom' }, { metadata: { labels: null } }, { type: 'merge' });
  await quiet(cluster);
  assert.deepEqual([await rulesOf('edit'), await rulesOf('admin')], [[], []]);
  const before = cluster.writes.length;
  await quiet(cluster);
  assert.equal(cluster.writes.length, before);
});
