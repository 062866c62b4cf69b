import assert from 'node:assert/strict';
import { test } from 'node:test';
import { announceAddress, neighbourAdvertisement } from './announcement.ts';
import type { Command } from './exec.ts';

test('an unasked advertisement tells address and link address, and overrides', () => {
  assert.equal(
    neighbourAdvertisement(0x20010db8_00000000_00000000_000000e1n, '02:70:0a:2c:00:0b'),
    `${'88000000'}${'a0000000'}${'20010db80000000000000000000000e1'}${'0201'}${'02700a2c000b'}`,
  );
});

test('IPv4 is told by requests, IPv6 by advertisements', async () => {
  const asked: string[] = [];
  const exec = {
    run: async ({ argv }: Command) => {
      asked.push(argv[0]);
      return { exitCode: 0, stdout: '', stderr: '', durationMs: 0 };
    },
  };
  const link = { link: 'eth0', mac: '02:70:0a:2c:00:0b' };
  await announceAddress(exec, { address: '192.0.2.1', bits: 0xc0000201n, ...link });
  await announceAddress(exec, { address: '2001:db8::1', bits: 1n, ...link });
  assert.deepEqual(asked, ['busybox', 'perl']);
});
