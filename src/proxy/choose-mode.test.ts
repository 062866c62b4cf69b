import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger as logger } from '../api/logger.ts';
import type { Exec } from '../kernel/exec.ts';
import { ipv4, ipv6 } from '../kernel/family.ts';
import type { Mode, ProxyMode } from './back-end.ts';
import { chooseMode } from './choose-mode.ts';

const exec: Exec = { run: () => Promise.reject(new Error('nothing is run here')) };
const mode = (name: ProxyMode, missing: Partial<Record<4 | 6, string[]>> = {}): Mode => ({
  name,
  missing: (_, { version }) => Promise.resolve(missing[version] ?? []),
  create: () => assert.fail(),
  cleanUp: () => assert.fail(),
});
const machine = { exec, families: [ipv4, ipv6], logger };

test('what is named is taken, and refused with all that it lacks', async () => {
  const modes = [
    mode('iptables'),
    mode('nftables', { 4: ['numgen: Linux 4.10'], 6: ['numgen: Linux 4.10', 'fib: x'] }),
  ];
  assert.equal((await chooseMode(modes, 'iptables', machine)).name, 'iptables');
  await assert.rejects(
    chooseMode(modes, 'nftables', machine),
    /nftables cannot work .*\n  numgen: Linux 4.10\n  fib: x$/,
  );
  await assert.rejects(
    chooseMode(modes, 'userspace', machine),
    /no proxy mode userspace: take one of iptables, nftables/,
  );
});

test('auto is nftables where each family can, iptables elsewhere', async () => {
  assert.equal((await chooseMode([mode('iptables'), mode('nftables')], 'auto', machine)).name, 'nftables');
  assert.equal(
    (await chooseMode([mode('iptables'), mode('nftables', { 6: ['x'] })], 'auto', machine)).name,
    'iptables',
  );
  assert.equal((await chooseMode([mode('iptables')], 'auto', machine)).name, 'iptables');
});
