import assert from 'node:assert/strict';
import { createPrivateKey, sign, verify, X509Certificate } from 'node:crypto';
import { connect, createServer } from 'node:tls';
import { once } from 'node:events';
import { test } from 'node:test';
import {
  controlPlaneCertificates,
  createAuthority,
  createSigningKey,
  loadAuthority,
  nodeCertificates,
} from './index.ts';

test('an authority is a CA and signs itself', async () => {
  const certificate = new X509Certificate((await createAuthority('podwire-ca')).certPem);
  assert.equal(certificate.ca, true);
  assert.equal(certificate.subject, 'CN=podwire-ca');
  assert.ok(certificate.verify(certificate.publicKey));
  assert.ok(certificate.validToDate.getTime() > Date.now() + 3600 * 86_400_000);
});

test('an issued certificate chains to its authority and to no other', async () => {
  const [authority, other] = await Promise.all([createAuthority('a'), createAuthority('a')]);
  const { certPem, keyPem } = await authority.issue({ commonName: 'someone' });
  const certificate = new X509Certificate(certPem);
  assert.ok(certificate.checkIssued(new X509Certificate(authority.certPem)));
  assert.ok(certificate.verify(new X509Certificate(authority.certPem).publicKey));
  assert.ok(!certificate.verify(new X509Certificate(other.certPem).publicKey));
  assert.ok(certificate.checkPrivateKey(createPrivateKey(keyPem)));
  assert.equal(certificate.ca, false);
  assert.deepEqual(certificate.keyUsage?.toSorted(), ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']);
});

test('an authority read back from PEM goes on signing', async () => {
  const { certPem, keyPem } = await createAuthority('a');
  const again = await loadAuthority({ certPem, keyPem });
  const issued = new X509Certificate((await again.issue({ commonName: 'b' })).certPem);
  assert.ok(issued.verify(new X509Certificate(certPem).publicKey));
});

test('a certificate ends no later than the one that signs it', async () => {
  const authority = await createAuthority('a');
  const issued = new X509Certificate((await authority.issue({ commonName: 'b', days: 36_500 })).certPem);
  assert.ok(issued.validToDate <= new X509Certificate(authority.certPem).validToDate);
});

test('the API server is named by every name and address it is called by', async () => {
  const authority = await createAuthority('a');
  const rows = controlPlaneCertificates({
    apiServerAddresses: ['10.46.0.1', '10.44.0.2'],
    clusterDomain: 'cluster.local',
  });
  assert.ok(rows['apiserver']);
  const certificate = new X509Certificate((await authority.issue(rows['apiserver'])).certPem);
  for (const host of [
    'kubernetes',
    'kubernetes.default',
    'kubernetes.default.svc',
    'kubernetes.default.svc.cluster.local',
    'localhost',
  ])
    assert.equal(certificate.checkHost(host), host);
  for (const ip of ['127.0.0.1', '10.44.0.2', '10.46.0.1']) assert.equal(certificate.checkIP(ip), ip);
  assert.equal(certificate.checkIP('10.44.0.3'), undefined);
});

test('of all certificates of a control plane only the administrator’s may do everything', () => {
  const rows = controlPlaneCertificates({ apiServerAddresses: ['10.46.0.1'], clusterDomain: 'cluster.local' });
  const masters = Object.entries(rows).filter(([, { organizations = [] }]) => organizations.includes('system:masters'));
  assert.deepEqual(
    masters.map(([name]) => name),
    ['admin'],
  );
});

test('a node signs in as system:node:NAME of system:nodes', async () => {
  const authority = await createAuthority('a');
  const rows = nodeCertificates('node1', ['10.44.0.11']);
  const client = new X509Certificate((await authority.issue(rows['kubelet-client'])).certPem);
  assert.deepEqual(client.subject.split('\n').toSorted(), ['CN=system:node:node1', 'O=system:nodes']);
  const serving = new X509Certificate((await authority.issue(rows.kubelet)).certPem);
  assert.equal(serving.checkIP('10.44.0.11'), '10.44.0.11');
  assert.equal(serving.checkHost('node1'), 'node1');
});

test('all organizations of a certificate are kept', async () => {
  const authority = await createAuthority('a');
  const issued = await authority.issue({ commonName: 'u', organizations: ['g1', 'g2'] });
  assert.deepEqual(new X509Certificate(issued.certPem).subject.split('\n').toSorted(), ['CN=u', 'O=g1', 'O=g2']);
});

test('server and client accept each other over TLS', async () => {
  const authority = await createAuthority('a');
  const [server, client] = await Promise.all([
    authority.issue({ commonName: 's', ipAddresses: ['127.0.0.1'] }),
    authority.issue({ commonName: 'c', organizations: ['g'] }),
  ]);
  const listener = createServer({ cert: server.certPem, key: server.keyPem, ca: authority.certPem, requestCert: true });
  listener.on('secureConnection', (socket) => {
    const { CN, O } = socket.getPeerCertificate().subject;
    socket.end(`${socket.authorized} ${String(CN)} ${String(O)}`);
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as { port: number };
  const socket = connect({ port, host: '127.0.0.1', ca: authority.certPem, cert: client.certPem, key: client.keyPem });
  const [data] = (await once(socket, 'data')) as [Buffer];
  assert.equal(data.toString(), 'true c g');
  socket.destroy();
  listener.close();
});

test('a signing key signs what its public half verifies', async () => {
  const { publicPem, privatePem } = await createSigningKey();
  const text = Buffer.from('token');
  assert.ok(verify('sha256', text, publicPem, sign('sha256', text, privatePem)));
});
