import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judgeMachine, type Machine } from './machine.ts';

const fine: Machine = {
  kernel: '6.1.0-50-cloud-amd64',
  memoryMiB: 721,
  cgroupMode: 'v2',
  controllers: ['cpuset', 'cpu', 'io', 'memory', 'pids'],
  iptables: 'iptables v1.8.9 (nf_tables)',
  legacyTables: [],
  nft: 'nftables v1.0.6 (Lester Gooch #5)',
};

test('a Debian 12 machine has nothing against it', () => {
  assert.deepEqual(judgeMachine(fine), { problems: [], notes: [] });
});

test('too little memory and an old kernel are told at once', () => {
  const { problems } = judgeMachine({ ...fine, memoryMiB: 231, kernel: '5.10.0-33-amd64' });
  assert.deepEqual(
    problems.map(({ what }) => what),
    ['the kernel is 5.10.0-33-amd64', 'there are only 231 MiB of memory'],
  );
});

test('a v2 hierarchy without controllers is a note, since pods run there without limits', () => {
  const { problems, notes } = judgeMachine({ ...fine, cgroupMode: 'hybrid', controllers: ['pids'] });
  assert.equal(problems.length, 0);
  assert.match(notes[0]?.what ?? '', /hybrid, without cpu, memory in/);
});

test('rules of both variants of iptables are a note; of the legacy one alone they are not', () => {
  const legacyTables = ['nat', 'filter'];
  assert.match(judgeMachine({ ...fine, legacyTables }).notes[0]?.what ?? '', /tables nat, filter.*v1\.8\.9/);
  assert.deepEqual(judgeMachine({ ...fine, legacyTables, iptables: 'iptables v1.8.9 (legacy)' }).notes, []);
});
