import assert from 'node:assert/strict';
import test from 'node:test';
import { createAuthority } from '../../pki/index.ts';
import { at, createClient, type TestClient } from '../testing/client.ts';
import { account, accounts, pod, podsPath } from '../testing/objects.ts';
import { startTestServer } from '../testing/server.ts';

const whoami = { kind: 'SelfSubjectReview', apiVersion: 'authentication.k8s.io/v1' };
const selfPath = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
const tokenReviews = '/apis/authentication.k8s.io/v1/tokenreviews';

async function tokenOf(admin: TestClient, spec: object = {}): Promise<string> {
  const { json, code, text } = await admin.send('POST', `${accounts}/default/token`, { spec });
  assert.equal(code, 201, text);
  return String(at(json, 'status.token'));
}

test('a certificate’s CN is the user and its O the groups', async () => {
  await using server = await startTestServer();
  const client = await server.clientAs('system:node:n1', ['system:nodes', 'other']);
  const { json } = await client.send('POST', selfPath, whoami);
  assert.deepEqual(at(json, 'status.userInfo'), {
    username: 'system:node:n1',
    groups: ['system:nodes', 'other', 'system:authenticated'],
  });
});

test('nobody is let in without credentials, except to health and version', async () => {
  await using server = await startTestServer();
  const nobody = server.clientWith({});
  for (const path of ['/api', '/api/v1/pods', '/apis', '/openapi/v3', '/', '/nonsense']) {
    const answer = await nobody.send('GET', path);
    assert.deepEqual([answer.code, at(answer.json, 'reason')], [401, 'Unauthorized'], path);
  }
  for (const path of ['/healthz', '/livez', '/readyz', '/readyz/ping', '/version']) {
    assert.equal((await nobody.send('GET', path)).code, 200, path);
  }
});

test('a certificate of another authority is 401, whatever it says', async () => {
  await using server = await startTestServer();
  const other = await createAuthority('podwire-test');
  const pair = await other.issue({ commonName: 'admin', organizations: ['system:masters'] });
  const intruder = createClient({ port: server.port, ca: server.authority.certPem, pair, headers: {} });
  assert.equal((await intruder.send('GET', '/api')).code, 401);
  intruder.close();
});

test('a certificate that names nobody signs nobody in', async () => {
  await using server = await startTestServer();
  const client = await server.clientAs('', []);
  assert.equal((await client.send('GET', '/api')).code, 401);
});

test('a ServiceAccount’s token signs in, until the account is another one', async () => {
  await using server = await startTestServer();
  const { admin } = server;
  const made = await admin.send('POST', accounts, account);
  const token = await tokenOf(admin);
  const client = server.clientWith({ authorization: `Bearer ${token}` });
  const { json } = await client.send('POST', selfPath, whoami);
  assert.equal(at(json, 'status.userInfo.username'), 'system:serviceaccount:default:default');
  assert.equal(at(json, 'status.userInfo.uid'), at(made.json, 'metadata.uid'));
  assert.deepEqual(at(json, 'status.userInfo.groups'), [
    'system:serviceaccounts',
    'system:serviceaccounts:default',
    'system:authenticated',
  ]);
  await admin.send('DELETE', `${accounts}/default`);
  await admin.send('POST', accounts, account);
  assert.equal((await client.send('POST', selfPath, whoami)).code, 401);
});

test('a token that was changed, is unsigned, or is signed by another key is 401', async () => {
  await using server = await startTestServer();
  await using other = await startTestServer();
  for (const { admin } of [server, other]) await admin.send('POST', accounts, account);
  const [header = '', claims = '', signature = ''] = (await tokenOf(server.admin)).split('.');
  const none = Buffer.from('{"alg":"none"}').toString('base64url');
  const hmac = Buffer.from('{"alg":"HS256"}').toString('base64url');
  const forged = Buffer.from(
    Buffer.from(claims, 'base64url')
      .toString()
      .replace(/default:default/, 'kube-system:admin'),
  );
  const tokens = [
    `${header}.${forged.toString('base64url')}.${signature}`,
    `${none}.${claims}.`,
    `${none}.${claims}.${signature}`,
    `${hmac}.${claims}.${signature}`,
    `${header}.${claims}.${'A'.repeat(signature.length)}`,
    `${header}.${claims}`,
    await tokenOf(other.admin),
  ];
  for (const token of tokens) {
    const client = server.clientWith({ authorization: `Bearer ${token}` });
    assert.equal((await client.send('GET', '/api')).code, 401, token);
  }
});

test('a token for another audience is 401 here, and reviewed for that audience only', async () => {
  await using server = await startTestServer();
  const { admin } = server;
  await admin.send('POST', accounts, account);
  const token = await tokenOf(admin, { audiences: ['vault'] });
  assert.equal((await server.clientWith({ authorization: `Bearer ${token}` }).send('GET', '/api')).code, 401);
  const review = async (audiences?: readonly string[]): Promise<unknown> =>
    (await admin.send('POST', tokenReviews, { spec: { token, audiences } })).json;
  const good = await review(['vault', 'other']);
  assert.deepEqual([at(good, 'status.authenticated'), at(good, 'status.audiences')], [true, ['vault']]);
  assert.equal(at(await review(), 'status.authenticated'), false);
});

test('a token bound to a pod ends with the pod', async () => {
  await using server = await startTestServer();
  const { admin } = server;
  await admin.send('POST', accounts, account);
  await admin.send('POST', podsPath, pod('p'));
  const token = await tokenOf(admin, { boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: 'p' } });
  const client = server.clientWith({ authorization: `Bearer ${token}` });
  const { json } = await client.send('POST', selfPath, whoami);
  assert.deepEqual(
    (at(json, 'status.userInfo.extra') as Record<string, unknown>)['authentication.kubernetes.io/pod-name'],
    ['p'],
  );
  await admin.send('DELETE', `${podsPath}/p`);
  assert.equal((await client.send('GET', '/api')).code, 401);
});

test('a token request is bounded, and its account must be there', async () => {
  await using server = await startTestServer();
  const { admin } = server;
  assert.equal((await admin.send('POST', `${accounts}/none/token`, { spec: {} })).code, 404);
  await admin.send('POST', accounts, account);
  assert.equal((await admin.send('POST', `${accounts}/default/token`, { spec: { expirationSeconds: 10 } })).code, 400);
});
