import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod, PodSpec } from '../../api/types.gen.ts';
import { rejectionOf } from './admission.ts';
import { forbiddenSysctl, sysctlsOf } from './sysctls.ts';

const pod = (names: readonly string[], spec: Partial<PodSpec> = {}): Pod => ({
  metadata: { name: 'web' },
  spec: { containers: [], securityContext: { sysctls: names.map((name) => ({ name, value: '1' })) }, ...spec },
});

test('safe settings pass, with dots or with slashes', () => {
  const asked = pod(['kernel.shm_rmid_forced', 'net/ipv4/tcp_syncookies']);
  assert.equal(forbiddenSysctl(asked), undefined);
  assert.deepEqual(sysctlsOf(asked), { sysctls: { 'kernel.shm_rmid_forced': '1', 'net.ipv4.tcp_syncookies': '1' } });
  assert.deepEqual(sysctlsOf(pod([])), {});
});

test('others are refused by name, and so are those of a namespace that is the host’s', () => {
  assert.deepEqual(rejectionOf(pod(['kernel.msgmax']), [], 110), {
    reason: 'SysctlForbidden',
    message: 'Pod was rejected: forbidden sysctl: "kernel.msgmax" not allowlisted',
  });
  assert.match(
    forbiddenSysctl(pod(['net.ipv4.tcp_rmem'], { hostNetwork: true })) ?? '',
    /"net\.ipv4\.tcp_rmem" not allowed with host net enabled/,
  );
  assert.match(forbiddenSysctl(pod(['kernel.shm_rmid_forced'], { hostIPC: true })) ?? '', /with host ipc enabled/);
});
