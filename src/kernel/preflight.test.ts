import assert from 'node:assert/strict';
import { test } from 'node:test';
import { missingFileSystems, rangesInUse } from './preflight.ts';

const routes = JSON.stringify([
  { dst: 'default', gateway: '192.0.2.1', dev: 'eth0', flags: [] },
  { dst: '0.0.0.0/1', gateway: '192.0.2.9', dev: 'tun0', flags: [], table: '52' },
  { dst: '10.45.3.0/24', gateway: '192.0.2.7', dev: 'vpn0', flags: [] },
  { dst: '10.44.0.0/24', dev: 'pw-mine', prefsrc: '10.44.0.1', flags: [] },
  { type: 'local', dst: '172.17.0.1', dev: 'docker0', table: 'local', flags: [] },
]);

test('a range that a route covers is refused by the name of the route', () => {
  const found = rangesInUse(routes, { 'pod-cidr': '10.45.0.0/16' }, 'pw-mine');
  assert.deepEqual(found, [
    {
      what: '10.45.0.0/16 (pod-cidr) overlaps a route of this machine: 0.0.0.0/1 via 192.0.2.9 dev tun0 table 52',
      remedy: 'choose another range with --pod-cidr',
    },
  ]);
});

test('an address of the machine inside the range counts, though it is written without a length', () => {
  const [problem] = rangesInUse(routes, { 'node-cidr': '172.17.0.0/24' }, 'pw-mine');
  assert.match(problem?.what ?? '', /172\.17\.0\.1 dev docker0 table local/);
});

test('our own link, the default route and a range beside all routes are no conflict', () => {
  const without = JSON.stringify((JSON.parse(routes) as { dst: string }[]).filter(({ dst }) => dst !== '0.0.0.0/1'));
  assert.deepEqual(rangesInUse(without, { a: '10.44.0.0/24', b: '10.46.0.0/16' }, 'pw-mine'), []);
  assert.equal(rangesInUse(without, { a: '10.44.0.0/24' }, 'pw-other').length, 1);
});

test('no routes at all are no conflict', () => {
  assert.deepEqual(rangesInUse('', { a: '10.44.0.0/24' }, 'x'), []);
});

const known = 'nodev\tsysfs\nnodev\tcgroup\nnodev\tcgroup2\n\text4\nnodev\toverlay\n';

test('file systems that are there, or can be loaded, are not missing', () => {
  assert.deepEqual(missingFileSystems(known, ''), []);
  assert.deepEqual(missingFileSystems(known.replace('overlay', 'x'), 'kernel/fs/overlayfs/overlay.ko.xz:'), []);
});

test('file systems that are nowhere are named', () => {
  const found = missingFileSystems('nodev\tcgroup\n\tfuseblk\n', '').map(({ what }) => what);
  assert.deepEqual(found, ['the kernel has no overlayfs', 'the kernel has no cgroup v2']);
});
