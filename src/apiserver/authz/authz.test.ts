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
    groups: readonly string[],
    user: string,
    [verb, group, resource, subresource]: readonly string[],
  ): Promise<unknown> => {
    const resourceAttributes = { verb, group, resource, subresource, namespace: 'default' };
    return at(
      (await server.admin.send('POST', review, { spec: { user, groups, resourceAttributes } })).json,
      'status.allowed',
    );
  };
  const cases: readonly [string, string, readonly string[], boolean][] = [
    ['system:nodes', 'system:node:n1', ['update', '', 'pods', 'status'], true],
    ['system:nodes', 'system:node:n1', ['create', '', 'pods', 'binding'], false],
    ['system:nodes', 'system:node:n1', ['list', 'apps', 'deployments', ''], false],
    ['system:nodes', 'system:node:n1', ['create', '', 'serviceaccounts', 'token'], true],
    ['', 'system:kube-scheduler', ['create', '', 'pods', 'binding'], true],
    ['', 'system:kube-scheduler', ['list', '', 'secrets', ''], false],
    ['', 'system:kube-controller-manager', ['delete', 'apps', 'replicasets', ''], true],
    ['system:masters', 'anybody', ['delete', 'none', 'things', ''], true],
    ['system:authenticated', 'anybody', ['get', '', 'pods', ''], false],
  ];
  for (const [group, user, asked, expected] of cases) {
    assert.equal(await allowed([group], user, asked), expected, `${user} ${asked.join(' ')}`);
  }
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
