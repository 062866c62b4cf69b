import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { MachineError } from './errors.ts';
import { readKubeconfigFile } from './kubeconfig-file.ts';

const text = (certificate: string): string =>
  JSON.stringify({
    'current-context': 'c',
    contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
    clusters: [{ name: 'c', cluster: { server: 'https://192.0.2.1:6443' } }],
    users: [{ name: 'u', user: { 'client-certificate': certificate, 'client-key': certificate } }],
  });

test('a file that is not there is told in a line, also one that the kubeconfig names', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'kubeconfig-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'kubeconfig');
  assert.throws(() => readKubeconfigFile(path), new MachineError(`${path}: there is no such kubeconfig`));
  writeFileSync(path, text('cert.pem'));
  const missing = join(folder, 'cert.pem');
  const message = `${missing}: there is no such file, and the kubeconfig ${path} names it`;
  assert.throws(() => readKubeconfigFile(path), new MachineError(message));
});
