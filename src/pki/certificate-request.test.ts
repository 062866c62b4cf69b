import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createDirectExec } from '../kernel/run-process.ts';
import { createAuthority, createCertificateRequest, publicKeyPin, readCertificateRequest } from './index.ts';

const exec = createDirectExec();

async function openssl(args: string, input: string): Promise<string> {
  return (await exec.run({ argv: ['openssl', ...args.split(' ')], stdin: input })).stdout;
}

const subject = {
  commonName: 'system:node:n1',
  organizations: ['system:nodes'],
  dnsNames: ['n1'],
  ipAddresses: ['10.44.0.11', 'fd00::b'],
};

test('a request says what was asked for, and openssl reads it so', async () => {
  const { requestPem } = await createCertificateRequest(subject);
  const { publicKey, ...wish } = await readCertificateRequest(requestPem);
  assert.deepEqual({ ...wish, ipAddresses: undefined }, { ...subject, others: [], ipAddresses: undefined });
  assert.equal(wish.ipAddresses[0], '10.44.0.11');
  assert.equal(wish.ipAddresses.length, 2);
  assert.ok(publicKey.length > 60);
  const text = await openssl('req -verify -noout -text', requestPem);
  assert.match(text, /Subject: O\s*=\s*system:nodes, CN\s*=\s*system:node:n1/);
  assert.match(text, /DNS:n1, IP Address:10.44.0.11, IP Address:FD00:0:0:0:0:0:0:B/);
});

test('a request whose signature is another key’s, or that is cut or doubled, is refused', async () => {
  const { requestPem } = await createCertificateRequest(subject);
  const [head = '', ...rest] = requestPem.trim().split('\n');
  const foot = rest.pop() ?? '';
  const der = Buffer.from(rest.join(''), 'base64');
  const pem = (bytes: Buffer): string => `${head}\n${bytes.toString('base64')}\n${foot}\n`;
  const changed = Buffer.from(der);
  const at = changed.indexOf('n1');
  changed[at + 1] = '2'.charCodeAt(0);
  await assert.rejects(readCertificateRequest(pem(changed)), /signature of the request/);
  await assert.rejects(readCertificateRequest(pem(der.subarray(0, 100))));
  await assert.rejects(readCertificateRequest(requestPem + requestPem), /one PEM block/);
  await assert.rejects(readCertificateRequest('hello'), /one PEM block/);
});

test('a certificate for somebody else’s key serves the uses of its terms and no longer than they say', async () => {
  const authority = await createAuthority('a');
  const { requestPem, keyPem } = await createCertificateRequest(subject);
  const wish = await readCertificateRequest(requestPem);
  const certPem = await authority.sign(wish, wish.publicKey, { uses: ['client auth'], seconds: 600 });
  const certificate = new X509Certificate(certPem);
  assert.ok(certificate.checkPrivateKey(createPrivateKey(keyPem)));
  assert.ok(certificate.verify(new X509Certificate(authority.certPem).publicKey));
  assert.deepEqual(certificate.keyUsage, ['1.3.6.1.5.5.7.3.2']);
  assert.equal(certificate.checkIP('10.44.0.11'), '10.44.0.11');
  const left = certificate.validToDate.getTime() - Date.now();
  assert.ok(left > 590_000 && left <= 600_000, String(left));
});

test('the pin is what openssl makes of the public key', async () => {
  const { certPem } = await createAuthority('a');
  const folder = await mkdtemp(join(tmpdir(), 'podwire-pin-'));
  const der = join(folder, 'key.der');
  try {
    const key = await openssl('x509 -pubkey -noout', certPem);
    await openssl(`pkey -pubin -outform der -out ${der}`, key);
    const [hash] = (await openssl(`dgst -sha256 -r ${der}`, '')).split(' ');
    assert.equal(publicKeyPin(certPem), `sha256:${hash}`);
  } finally {
    await rm(folder, { recursive: true });
  }
});
