/** Over the wire: who tries to get, or to give, more than he has. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { at, type TestClient } from '../testing/client.ts';
import { account, accounts, pod, podsPath } from '../testing/objects.ts';
import { startTestServer, type TestServer } from '../testing/server.ts';

const rbac = '/apis/rbac.authorization.k8s.io/v1';
const here = `${rbac}/namespaces/default`;
const merge = { 'content-type': 'application/merge-patch+json' };
const nodes = '/api/v1/nodes';

const rule = (verbs: readonly string[], resources: readonly string[], apiGroups = ['']): object => ({
  verbs,
  apiGroups,
  resources,
});
const role = (name: string, ...rules: object[]): object => ({ metadata: { name }, rules });
const binding = (name: string, kind: string, of: string, user: string): object => ({
  metadata: { name },
  roleRef: { kind, name: of },
  subjects: [{ kind: 'User', name: user }],
});
const code = async (client: TestClient, ...asked: Parameters<TestClient['send']>): Promise<number> =>
  (await client.send(...asked)).code;

/** Jane, who may read pods and write roles and bindings in `default`, and nothing else. */
async function jane(server: TestServer): Promise<TestClient> {
  const { admin } = server;
  const writers = ['get', 'create', 'patch'];
  const rules = [
    rule(writers, ['roles', 'rolebindings'], ['rbac.authorization.k8s.io']),
    rule(['get', 'list'], ['pods']),
  ];
  const made = [
    await admin.send('POST', `${here}/roles`, role('janes', ...rules)),
    await admin.send('POST', `${here}/rolebindings`, binding('janes', 'Role', 'janes', 'jane')),
  ];
  assert.deepEqual(
    made.map((answer) => answer.code),
    [201, 201],
  );
  return server.clientAs('jane');
}

test('nobody grants what he has not', async () => {
  await using server = await startTestServer();
  const client = await jane(server);
  assert.equal(await code(client, 'POST', `${here}/roles`, role('ok', rule(['get'], ['pods']))), 201);
  const { json } = await client.send('POST', `${here}/roles`, role('evil', rule(['get'], ['secrets'])));
  assert.equal(at(json, 'code'), 403);
  assert.match(String(at(json, 'message')), /not currently held:\n\{APIGroups:\[""\], Resources:\["secrets"\]/);
  const more = { rules: [rule(['*'], ['*'], ['*'])] };
  assert.equal(await code(client, 'PATCH', `${here}/roles/ok`, more, merge), 403);
  assert.equal(await code(client, 'PATCH', `${here}/roles/janes`, more, merge), 403, 'not even in his own role');
  assert.equal(await code(client, 'POST', `${rbac}/clusterroles`, role('wide', rule(['get'], ['pods']))), 403);
});

test('nobody binds a role that has more than he', async () => {
  await using server = await startTestServer();
  const { admin } = server;
  const client = await jane(server);
  const bindings = `${here}/rolebindings`;
  assert.equal(await code(client, 'POST', bindings, binding('a', 'ClusterRole', 'cluster-admin', 'jane')), 403);
  assert.equal(await code(client, 'POST', bindings, binding('a', 'Role', 'missing', 'jane')), 404);
  assert.equal(await code(client, 'POST', bindings, binding('a', 'Role', 'janes', 'bob')), 201);
  await admin.send('POST', `${here}/roles`, role('big', rule(['*'], ['*'], ['*'])));
  await admin.send('POST', bindings, binding('big', 'Role', 'big', 'root'));
  const subjects = { subjects: [{ kind: 'User', name: 'jane' }] };
  assert.equal(await code(client, 'PATCH', `${bindings}/big`, subjects, merge), 403, 'nor puts himself into one');
  assert.equal(await code(client, 'PATCH', `${bindings}/big`, { metadata: { finalizers: ['a.b/c'] } }, merge), 200);
});

test('`escalate` and `bind` are the ways around it', async () => {
  await using server = await startTestServer();
  const { admin } = server;
  const client = await jane(server);
  const verbs = rule(['escalate'], ['roles'], ['rbac.authorization.k8s.io']);
  const bind = { ...rule(['bind'], ['clusterroles'], ['rbac.authorization.k8s.io']), resourceNames: ['view'] };
  await admin.send('POST', `${here}/roles`, role('around', verbs, bind));
  await admin.send('POST', `${here}/rolebindings`, binding('around', 'Role', 'around', 'jane'));
  assert.equal(await code(client, 'POST', `${here}/roles`, role('big', rule(['*'], ['*'], ['*']))), 201);
  const bindings = `${here}/rolebindings`;
  assert.equal(await code(client, 'POST', bindings, binding('b', 'ClusterRole', 'view', 'bob')), 201);
  assert.equal(
    await code(client, 'POST', bindings, binding('c', 'ClusterRole', 'edit', 'bob')),
    201,
    'edit is empty yet',
  );
  assert.equal(await code(client, 'POST', bindings, binding('d', 'ClusterRole', 'cluster-admin', 'bob')), 403);
});

test('only who may do everything lets a role gather others', async () => {
  await using server = await startTestServer();
  const { admin } = server;
  const writer = role('writer', rule(['create'], ['clusterroles'], ['rbac.authorization.k8s.io']));
  await admin.send('POST', `${rbac}/clusterroles`, writer);
  const bound = { metadata: { name: 'writer' }, roleRef: { kind: 'ClusterRole', name: 'writer' } };
  await admin.send('POST', `${rbac}/clusterrolebindings`, { ...bound, subjects: [{ kind: 'User', name: 'jane' }] });
  const client = await server.clientAs('jane');
  const aggregationRule = { clusterRoleSelectors: [{ matchLabels: { a: 'b' } }] };
  const { json } = await client.send('POST', `${rbac}/clusterroles`, { ...role('all'), aggregationRule });
  assert.match(String(at(json, 'message')), /must have cluster-admin privileges to use the aggregationRule/);
});

test('impersonation takes a permission of its own', async () => {
  await using server = await startTestServer();
  const client = await jane(server);
  const as = (name: string): Record<string, string> => ({ 'impersonate-user': name });
  assert.equal(await code(client, 'GET', podsPath, undefined, as('admin')), 403);
  assert.equal(await code(client, 'GET', podsPath, undefined, { 'impersonate-group': 'system:masters' }), 400);
  const masters = { 'impersonate-user': 'jane', 'impersonate-group': 'system:masters' };
  assert.equal(await code(client, 'GET', podsPath, undefined, masters), 403);
  assert.equal(await code(server.admin, 'GET', podsPath, undefined, as('jane')), 200);
  assert.equal(await code(server.admin, 'GET', '/api/v1/secrets', undefined, as('jane')), 403);
  assert.equal(await code(server.admin, 'GET', podsPath, undefined, as('system:anonymous')), 403);
});

test('a node writes only what is its own', async () => {
  await using server = await startTestServer();
  const { admin } = server;
  await admin.send('POST', accounts, account);
  await admin.send('POST', podsPath, pod('mine', { nodeName: 'n1' }));
  await admin.send('POST', podsPath, pod('other', { nodeName: 'n2' }));
  const n1 = await server.clientAs('system:node:n1', ['system:nodes']);
  const strategic = { 'content-type': 'application/strategic-merge-patch+json' };
  const status = { status: { message: 'x' } };
  const node = (name: string, metadata: object = {}): object => ({ metadata: { name, ...metadata } });
  const lease = (name: string): object => ({ metadata: { name }, spec: {} });
  const leases = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases';
  const mirror = { annotations: { 'kubernetes.io/config.mirror': 'x' } };
  const cases: readonly [number, ...Parameters<TestClient['send']>][] = [
    [200, 'PATCH', `${podsPath}/mine/status`, status, strategic],
    [403, 'PATCH', `${podsPath}/other/status`, status, strategic],
    [403, 'PATCH', `${podsPath}/mine/status`, { metadata: { labels: { a: 'b' } } }, strategic],
    [403, 'PATCH', `${podsPath}/mine`, { metadata: { labels: { a: 'b' } } }, strategic],
    [403, 'POST', podsPath, pod('new', { nodeName: 'n1' })],
    [403, 'POST', podsPath, pod('new', { nodeName: 'n2' }, mirror)],
    [403, 'POST', podsPath, pod('new', { nodeName: 'n1' }, mirror)],
    [403, 'DELETE', `${podsPath}/other`],
    [403, 'POST', `${podsPath}/other/eviction`, { metadata: { name: 'other' } }],
    [403, 'POST', nodes, node('n2')],
    [403, 'POST', nodes, node('n1', { labels: { 'node-role.kubernetes.io/control-plane': '' } })],
    [403, 'POST', nodes, node('n1', { labels: { 'node-restriction.kubernetes.io/x': 'y' } })],
    [201, 'POST', nodes, node('n1', { labels: { 'kubernetes.io/hostname': 'n1', own: 'x' } })],
    [403, 'PATCH', `${nodes}/n1`, { spec: { taints: null } }, merge],
    [403, 'PATCH', `${nodes}/n1/status`, { spec: { taints: null } }, merge],
    [200, 'PATCH', `${nodes}/n1/status`, { status: { capacity: { cpu: '2' } } }, strategic],
    [201, 'POST', leases, lease('n1')],
    [403, 'POST', leases, lease('n2')],
    [200, 'DELETE', `${podsPath}/mine?gracePeriodSeconds=0`],
  ];
  for (const [expected, ...asked] of cases) {
    const answer = await n1.send(...asked);
    assert.equal(
      answer.code,
      expected,
      `${asked
        .slice(0, 3)
        .map((part) => JSON.stringify(part))
        .join(' ')} ${answer.text}`,
    );
  }
});

test('a node has tokens only for its pods, bound to them, for audiences they name', async () => {
  await using server = await startTestServer();
  const { admin } = server;
  await admin.send('POST', accounts, account);
  await admin.send('POST', accounts, { ...account, metadata: { name: 'boss' } });
  const volumes = [{ name: 't', projected: { sources: [{ serviceAccountToken: { path: 't', audience: 'vault' } }] } }];
  const uidOf = async (name: string, spec: object): Promise<string> =>
    String(at((await admin.send('POST', podsPath, pod(name, spec))).json, 'metadata.uid'));
  const mine = await uidOf('mine', { nodeName: 'n1', volumes, automountServiceAccountToken: false });
  await uidOf('bosses', { nodeName: 'n2', serviceAccountName: 'boss' });
  const n1 = await server.clientAs('system:node:n1', ['system:nodes']);
  const bound = (uid?: string, name = 'mine'): object => ({ kind: 'Pod', apiVersion: 'v1', name, uid });
  const cases: readonly [number, string, object][] = [
    [201, 'default', { audiences: ['vault'], boundObjectRef: bound(mine) }],
    [403, 'default', { audiences: ['vault'] }],
    [403, 'default', { audiences: ['vault'], boundObjectRef: bound() }],
    [403, 'default', { audiences: ['vault'], boundObjectRef: bound('another') }],
    [403, 'default', { audiences: ['bank'], boundObjectRef: bound(mine) }],
    [403, 'default', { audiences: ['vault', 'bank'], boundObjectRef: bound(mine) }],
    [403, 'default', { boundObjectRef: bound(mine) }],
    [403, 'boss', { audiences: ['vault'], boundObjectRef: bound(mine) }],
  ];
  for (const [expected, name, spec] of cases) {
    const answer = await n1.send('POST', `${accounts}/${name}/token`, { spec });
    assert.equal(answer.code, expected, `${name} ${JSON.stringify(spec)} ${answer.text}`);
  }
  const wrong = await admin.send('POST', `${accounts}/boss/token`, { spec: { boundObjectRef: bound(mine) } });
  assert.equal(wrong.code, 400, 'a pod of another account');
});
