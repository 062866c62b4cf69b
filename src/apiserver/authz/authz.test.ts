import assert from 'node:assert/strict';
import test from 'node:test';
import { at } from '../testing/client.ts';
import { startTestServer } from '../testing/server.ts';

const review = '/apis/authorization.k8s.io/v1/subjectaccessreviews';
const own = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';

test('refusals are worded as upstream words them', async () => {
  await using server = await startTestServer();
  const client = await server.clientAs('jane');
  const cases: readonly [string, string, string][] = [
    [
      'GET',
      '/api/v1/namespaces/default/pods',
      'pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace "default"',
    ],
    [
      'GET',
      '/api/v1/nodes/n1',
      'nodes "n1" is forbidden: User "jane" cannot get resource "nodes" in API group "" at the cluster scope',
    ],
    [
      'DELETE',
      '/apis/apps/v1/deployments',
      'deployments.apps is forbidden: User "jane" cannot deletecollection resource "deployments" in API group "apps" at the cluster scope',
    ],
    [
      'GET',
      '/api/v1/namespaces/default/pods/p/log',
      'pods "p" is forbidden: User "jane" cannot get resource "pods/log" in API group "" in the namespace "default"',
    ],
    ['GET', '/metrics', 'forbidden: User "jane" cannot get path "/metrics"'],
  ];
  for (const [method, path, message] of cases) {
    const { code, json } = await client.send(method, path);
    assert.deepEqual([code, at(json, 'reason'), at(json, 'message')], [403, 'Forbidden', message]);
  }
});

test('who is authenticated sees what there is', async () => {
  await using server = await startTestServer();
  const client = await server.clientAs('jane');
  for (const path of ['/api', '/apis', '/api/v1', '/apis/apps/v1', '/openapi/v3', '/version']) {
    assert.equal((await client.send('GET', path)).code, 200, path);
  }
});

test('components may do their work and no more', async () => {
  await using server = await startTestServer();
  const allowed = async (
    group: string,
    user: string,
    [verb, apiGroup, resource, subresource]: readonly string[],
  ): Promise<unknown> => {
    const resourceAttributes = { verb, group: apiGroup, resource, subresource, namespace: 'default' };
    const spec = { user, groups: [group], resourceAttributes };
    return at((await server.admin.send('POST', review, { spec })).json, 'status.allowed');
  };
  const cases: readonly [string, string, readonly string[], boolean][] = [
    ['system:nodes', 'system:node:n1', ['update', '', 'pods', 'status'], true],
    ['system:nodes', 'system:node:n1', ['create', '', 'pods', 'binding'], false],
    ['system:nodes', 'system:node:n1', ['list', 'apps', 'deployments', ''], false],
    ['system:nodes', 'system:node:n1', ['list', '', 'secrets', ''], false],
    // Its network and Service proxy need these, under its name.
    ['system:nodes', 'system:node:n1', ['watch', '', 'nodes', ''], true],
    ['system:nodes', 'system:node:n1', ['watch', 'discovery.k8s.io', 'endpointslices', ''], true],
    ['system:nodes', 'system:node:n1', ['watch', 'networking.k8s.io', 'networkpolicies', ''], true],
    ['system:nodes', 'system:node:n1', ['watch', '', 'pods', ''], true],
    ['', 'system:node:n1', ['watch', '', 'nodes', ''], false],
    ['', 'system:kube-scheduler', ['create', '', 'pods', 'binding'], true],
    ['', 'system:kube-scheduler', ['list', '', 'secrets', ''], false],
    ['', 'system:kube-controller-manager', ['delete', 'apps', 'replicasets', ''], true],
    ['', 'system:kube-controller-manager', ['bind', 'rbac.authorization.k8s.io', 'clusterroles', ''], false],
    ['', 'system:kube-controller-manager', ['impersonate', '', 'users', ''], false],
    ['', 'system:kube-proxy', ['watch', '', 'services', ''], true],
    ['', 'system:kube-proxy', ['get', '', 'secrets', ''], false],
    ['', 'kube-apiserver-kubelet-client', ['create', '', 'nodes', 'proxy'], true],
    ['', 'kube-apiserver-kubelet-client', ['get', '', 'nodes', 'log'], true],
    ['', 'kube-apiserver-kubelet-client', ['update', '', 'nodes', ''], false],
    ['', 'kube-apiserver-kubelet-client', ['list', '', 'pods', ''], false],
    ['', 'kube-apiserver-kubelet-client', ['get', '', 'secrets', ''], false],
    ['system:masters', 'anybody', ['delete', 'none', 'things', ''], true],
    ['system:authenticated', 'anybody', ['get', '', 'pods', ''], false],
    ['system:unauthenticated', 'system:anonymous', ['get', '', 'pods', ''], false],
  ];
  for (const [group, user, asked, expected] of cases) {
    assert.equal(await allowed(group, user, asked), expected, `${user} ${asked.join(' ')}`);
  }
});

test('what is granted holds at once, what is taken away is gone at once', async () => {
  await using server = await startTestServer();
  const jane = await server.clientAs('jane');
  const bindings = '/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings';
  const roles = '/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles';
  const secrets = '/api/v1/namespaces/default/secrets';
  const rule = { verbs: ['list'], apiGroups: [''], resources: ['secrets'] };
  const binding = {
    metadata: { name: 'b' },
    roleRef: { kind: 'Role', name: 'r' },
    subjects: [{ kind: 'User', name: 'jane' }],
  };
  const code = async (): Promise<number> => (await jane.send('GET', secrets)).code;
  for (let round = 0; round < 20; round++) {
    await server.admin.send('POST', roles, { metadata: { name: 'r' }, rules: [rule] });
    await server.admin.send('POST', bindings, binding);
    assert.equal(await code(), 200);
    await server.admin.send('DELETE', round % 2 === 0 ? `${bindings}/b` : `${roles}/r`);
    assert.equal(await code(), 403);
    await server.admin.send('DELETE', `${bindings}/b`);
    await server.admin.send('DELETE', `${roles}/r`);
  }
});

test('grants are there after a restart, and what was taken from a default role is given back', async () => {
  await using server = await startTestServer();
  const roles = '/apis/rbac.authorization.k8s.io/v1/clusterroles';
  const bindings = '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings';
  const merge = { 'content-type': 'application/merge-patch+json' };
  const { admin } = server;
  const mine = { metadata: { name: 'mine' }, roleRef: { kind: 'ClusterRole', name: 'cluster-admin' } };
  await admin.send('POST', bindings, { ...mine, subjects: [{ kind: 'User', name: 'root' }] });
  await admin.send('PATCH', `${roles}/system:kube-dns`, { rules: [], metadata: { labels: { own: 'x' } } }, merge);
  await admin.send('PATCH', `${bindings}/system:kube-dns`, { subjects: null }, merge);
  const annotations = { 'rbac.authorization.kubernetes.io/autoupdate': 'false' };
  await admin.send('PATCH', `${roles}/system:auth-delegator`, { rules: [], metadata: { annotations } }, merge);
  await admin.send('DELETE', `${bindings}/system:discovery`);
  await server.restart();
  const get = async (path: string): Promise<unknown> => (await admin.send('GET', path)).json;
  const dns = await get(`${roles}/system:kube-dns`);
  assert.equal((at(dns, 'rules') as unknown[]).length > 0, true);
  assert.equal(at(dns, 'metadata.labels.own'), 'x');
  assert.equal(at(await get(`${bindings}/system:kube-dns`), 'subjects.0.name'), 'kube-dns');
  assert.equal(at(await get(`${roles}/system:auth-delegator`), 'rules.length'), 0);
  assert.equal(at(await get(`${bindings}/system:discovery`), 'roleRef.name'), 'system:discovery');
  assert.equal((await (await server.clientAs('root')).send('GET', '/api/v1/secrets')).code, 200);
});

test('somebody may ask what he may do himself', async () => {
  await using server = await startTestServer();
  const client = await server.clientAs('system:kube-scheduler');
  const ask = async (spec: object): Promise<unknown> =>
    at((await client.send('POST', own, { spec })).json, 'status.allowed');
  assert.equal(await ask({ resourceAttributes: { verb: 'list', resource: 'pods' } }), true);
  assert.equal(await ask({ resourceAttributes: { verb: 'create', resource: 'pods' } }), false);
  assert.equal(await ask({ nonResourceAttributes: { verb: 'get', path: '/api' } }), true);
  assert.equal((await client.send('POST', own, { spec: {} })).code, 400);
});

test('somebody’s rules are those of a namespace and of the cluster', async () => {
  await using server = await startTestServer();
  const rulesPath = '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews';
  const client = await server.clientAs('system:node:n1', ['system:nodes']);
  const { json } = await client.send('POST', rulesPath, { spec: { namespace: 'default' } });
  assert.equal(at(json, 'status.incomplete'), true);
  assert.deepEqual(
    (at(json, 'status.nonResourceRules') as { nonResourceURLs: string[] }[])[0]?.nonResourceURLs.includes('/api'),
    true,
  );
  assert.equal((await client.send('POST', rulesPath, { spec: {} })).code, 400);
});
