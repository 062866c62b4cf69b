import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseKubeconfig } from './kubeconfig.ts';

const config = (cluster: string, user: string): string => `
apiVersion: v1
kind: Config
current-context: here
contexts:
- name: there
  context: {cluster: missing, user: missing}
- name: here
  context: {cluster: c, user: u}
clusters:
- name: c
  cluster: ${cluster}
users:
- name: u
  user: ${user}
`;
const base64 = (text: string): string => Buffer.from(text).toString('base64');

test('embedded certificates', () => {
  const text = config(
    `{server: 'https://10.44.0.2:6443', certificate-authority-data: ${base64('CA')}}`,
    `{client-certificate-data: ${base64('CERT')}, client-key-data: ${base64('KEY')}}`,
  );
  assert.deepEqual(parseKubeconfig(text), { server: 'https://10.44.0.2:6443', ca: 'CA', cert: 'CERT', key: 'KEY' });
});

test('files and tokens', (context) => {
  context.mock.timers.enable({ apis: ['Date'] });
  const text = config(`{server: 'https://x', certificate-authority: /pki/ca.crt}`, '{tokenFile: /token}');
  const files: Record<string, string> = { '/pki/ca.crt': 'CA', '/token': 'T\n' };
  const { token, ...rest } = parseKubeconfig(text, (path) => files[path] ?? '');
  assert.deepEqual(rest, { server: 'https://x', ca: 'CA' });
  assert.ok(typeof token === 'function');
  // A token that is renewed in its file is read again after a minute.
  files['/token'] = 'U\n';
  assert.equal(token(), 'T');
  context.mock.timers.tick(61_000);
  assert.equal(token(), 'U');
  assert.throws(() => parseKubeconfig(text), /no files can be read/);
  assert.deepEqual(parseKubeconfig(config(`{server: 'http://x'}`, '{token: T}')), { server: 'http://x', token: 'T' });
});

test('what cannot be used says why', () => {
  const good = `{server: 'https://x'}`;
  assert.throws(() => parseKubeconfig('[]'), /not a mapping/);
  assert.throws(() => parseKubeconfig('{}'), /no context named undefined/);
  assert.throws(() => parseKubeconfig(config(good, '{}').replace('here\n', 'there\n')), /no cluster named missing/);
  assert.throws(() => parseKubeconfig(config('{}', '{}')), /no server/);
  assert.throws(
    () => parseKubeconfig(config(`{server: 'https://x', insecure-skip-tls-verify: true}`, '{}')),
    /not supported/,
  );
  assert.throws(() => parseKubeconfig(config(good, '{exec: {command: x}}')), /user.exec is not supported/);
});
