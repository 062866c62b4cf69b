import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Exec } from '../kernel/exec.ts';
import { foreignProxies } from './foreign-proxies.ts';

const printing = (stdout: string): Exec => ({
  run: ({ argv }) => {
    assert.deepEqual(argv, ['nft', 'list', 'chains']);
    return Promise.resolve({ exitCode: 0, stdout, stderr: '', durationMs: 1 });
  },
});

test("kube-proxy's rules are told, in each of its modes, and nobody else's", async () => {
  const iptables =
    'table ip nat {\n\tchain PREROUTING {\n\t\ttype nat hook prerouting priority -100; policy accept;\n\t}\n';
  assert.deepEqual(await foreignProxies(printing(`${iptables}\tchain KUBE-KUBELET-CANARY {\n\t}\n}\n`)), []);
  const [told, ...others] = await foreignProxies(printing(`${iptables}\tchain KUBE-SERVICES {\n\t}\n}\n`));
  assert.match(told ?? '', /kube-proxy .*KUBE-SERVICES.* kube-proxy --cleanup/);
  assert.equal(others.length, 0);
  assert.equal((await foreignProxies(printing('table ip kube-proxy {\n\tchain services {\n\t}\n}\n'))).length, 1);
});

test('a machine without nft has nothing to tell', async () => {
  assert.deepEqual(await foreignProxies({ run: () => Promise.reject(new Error('ENOENT')) }), []);
});
