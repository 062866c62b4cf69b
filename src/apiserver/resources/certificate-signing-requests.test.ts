import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createCertificateRequest, publicKeyPin } from '../../pki/index.ts';
import { at, type TestClient } from '../testing/client.ts';
import { startTestServer } from '../testing/server.ts';

const path = '/apis/certificates.k8s.io/v1/certificatesigningrequests';
const { requestPem } = await createCertificateRequest({ commonName: 'someone' });

const request = (name: string, spec: object = {}): object => ({
  apiVersion: 'certificates.k8s.io/v1',
  kind: 'CertificateSigningRequest',
  metadata: { name },
  spec: {
    request: Buffer.from(requestPem).toString('base64'),
    signerName: 'example.com/signer',
    usages: ['client auth'],
    ...spec,
  },
});

async function grant(admin: TestClient, user: string, rules: object): Promise<void> {
  const rbac = '/apis/rbac.authorization.k8s.io/v1';
  await admin.send('POST', `${rbac}/clusterroles`, { metadata: { name: user }, rules });
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: user };
  const subjects = [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: user }];
  await admin.send('POST', `${rbac}/clusterrolebindings`, { metadata: { name: user }, roleRef, subjects });
}

test('who asks is what the server knows, whatever the request says, and stays', async () => {
  await using server = await startTestServer();
  const forged = { username: 'system:node:other', groups: ['system:masters'], uid: 'x', extra: { a: ['b'] } };
  const { json, code } = await server.admin.send('POST', path, request('a', forged));
  assert.equal(code, 201);
  assert.equal(at(json, 'spec.username'), 'admin');
  assert.deepEqual(at(json, 'spec.groups'), ['system:masters', 'system:authenticated']);
  assert.equal(at(json, 'spec.uid'), undefined);
  const changed = { ...(json as object), spec: { ...(at(json, 'spec') as object), username: 'other' } };
  const after = await server.admin.send('PUT', `${path}/a`, changed);
  assert.equal(at(after.json, 'spec.username'), 'admin');
});

test('what cannot be signed is refused', async () => {
  await using server = await startTestServer();
  const cases: readonly (readonly [object, RegExp])[] = [
    [{ request: Buffer.from('hello').toString('base64') }, /PEM block type must be CERTIFICATE REQUEST/],
    [{ request: Buffer.from(requestPem.slice(0, 200)).toString('base64') }, /spec.request/],
    [{ request: Buffer.from(requestPem + requestPem).toString('base64') }, /spec.request/],
    [{ signerName: 'signer' }, /spec.signerName/],
    [{ signerName: 'example.com/' }, /spec.signerName/],
    [{ usages: [] }, /spec.usages: Required/],
    [{ usages: ['client auth', 'client auth'] }, /Duplicate value: "client auth"/],
    [{ usages: ['world peace'] }, /Unsupported value: "world peace"/],
    [{ expirationSeconds: 599 }, /spec.expirationSeconds/],
  ];
  for (const [spec, why] of cases) {
    const { code, text } = await server.admin.send('POST', path, request('a', spec));
    assert.equal(code, 422, text);
    assert.match(text.replaceAll('\\"', '"'), why);
  }
});

test('a verdict needs a right on the signer, comes by approval alone, and stays', async () => {
  await using server = await startTestServer();
  const { admin } = server;
  const approval = {
    apiGroups: ['certificates.k8s.io'],
    resources: ['certificatesigningrequests/approval', 'certificatesigningrequests/status'],
    verbs: ['update'],
  };
  await grant(admin, 'weak', [approval]);
  const signer = {
    apiGroups: ['certificates.k8s.io'],
    resources: ['signers'],
    resourceNames: ['example.com/*'],
    verbs: ['approve'],
  };
  await grant(admin, 'strong', [approval, signer]);
  const { json } = await admin.send('POST', path, request('a'));
  const say = (type: string): object => ({
    ...(json as object),
    metadata: { name: 'a' },
    status: { conditions: [{ type, status: 'True' }] },
  });
  const [weak, strong] = [await server.clientAs('weak'), await server.clientAs('strong')];
  const refused = await weak.send('PUT', `${path}/a/approval`, say('Approved'));
  assert.equal(refused.code, 403);
  assert.match(refused.text, /not permitted to approve requests with signerName/);
  assert.equal((await strong.send('PUT', `${path}/a/status`, say('Approved'))).code, 422);
  const approved = await strong.send('PUT', `${path}/a/approval`, say('Approved'));
  assert.equal(approved.code, 200, approved.text);
  assert.match(String(at(approved.json, 'status.conditions.0.lastUpdateTime')), /^\d{4}-/);
  assert.equal((await strong.send('PUT', `${path}/a/approval`, say('Denied'))).code, 422);
  const certificate = Buffer.from(server.authority.certPem).toString('base64');
  const signed = {
    ...(json as object),
    metadata: { name: 'a' },
    status: { conditions: at(approved.json, 'status.conditions'), certificate },
  };
  assert.equal((await strong.send('PUT', `${path}/a/status`, signed)).code, 403, 'to approve is not to sign');
  assert.equal((await admin.send('PUT', `${path}/a/status`, signed)).code, 200);
  const other = {
    ...signed,
    status: { ...signed.status, certificate: Buffer.from(`${server.authority.certPem}\n`).toString('base64') },
  };
  assert.equal((await admin.send('PUT', `${path}/a/status`, other)).code, 422, 'a certificate stays');
});

test('a token asks for a certificate and for nothing else; the CA is for everybody', async () => {
  await using server = await startTestServer();
  const stringData = {
    'token-id': 'abcdef',
    'token-secret': '0123456789abcdef',
    'usage-bootstrap-authentication': 'true',
    'auth-extra-groups': 'system:bootstrappers:podwire:default-node-token',
  };
  const secret = { metadata: { name: 'bootstrap-token-abcdef' }, type: 'bootstrap.kubernetes.io/token', stringData };
  await server.admin.send('POST', '/api/v1/namespaces/kube-system/secrets', secret);
  const token = server.clientWith({ authorization: 'Bearer abcdef.0123456789abcdef' });
  const made = await token.send('POST', path, request('a'));
  assert.equal(made.code, 201, made.text);
  assert.equal(at(made.json, 'spec.username'), 'system:bootstrap:abcdef');
  for (const other of ['/api/v1/nodes', '/api/v1/namespaces/kube-system/secrets', '/api/v1/pods'])
    assert.equal((await token.send('GET', other)).code, 403, other);
  assert.equal((await token.send('PUT', `${path}/a/approval`, made.json)).code, 403);

  const nobody = server.clientWith({});
  const info = '/api/v1/namespaces/kube-public/configmaps/cluster-info';
  const { json, code } = await nobody.send('GET', info);
  assert.equal(code, 200);
  const kubeconfig = JSON.parse(String(at(json, 'data.kubeconfig'))) as unknown;
  const ca = Buffer.from(String(at(kubeconfig, 'clusters.0.cluster.certificate-authority-data')), 'base64').toString();
  assert.equal(publicKeyPin(ca), publicKeyPin(server.authority.certPem));
  for (const other of [
    `${info}?x=1`,
    '/api/v1/namespaces/kube-public/configmaps',
    info.replace('cluster-info', 'kube-root-ca.crt'),
  ])
    assert.equal((await nobody.send('GET', other)).code, 401, other);
  assert.equal((await nobody.send('DELETE', info)).code, 401);
  const wrong = server.clientWith({ authorization: 'Bearer wrong' });
  assert.equal((await wrong.send('GET', info)).code, 401);
});
