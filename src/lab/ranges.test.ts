import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LabError } from './config.ts';
import { candidates, chooseRanges, type Taken } from './ranges.ts';

const nothing: Taken = { labs: [], isRouted: () => false };
const first = { name: 'podwire', nodeCIDR: '10.44.0.0/24', podCIDR: '10.45.0.0/16', serviceCIDR: '10.46.0.0/16' };

test('a lab alone gets the ranges everybody knows', () => {
  assert.deepEqual(chooseRanges({}, nothing), {
    nodeCIDR: '10.44.0.0/24',
    podCIDR: '10.45.0.0/16',
    serviceCIDR: '10.46.0.0/16',
  });
});

test('a second and a third lab move on, and the ranges of one that went are given again', () => {
  const ranges = { nodeCIDR: '10.44.1.0/24', podCIDR: '10.47.0.0/16', serviceCIDR: '10.48.0.0/16' };
  const second = { name: 'b', ...ranges };
  assert.deepEqual(chooseRanges({}, { ...nothing, labs: [first] }), ranges);
  assert.deepEqual(chooseRanges({}, { ...nothing, labs: [first, second] }), {
    nodeCIDR: '10.44.2.0/24',
    podCIDR: '10.49.0.0/16',
    serviceCIDR: '10.50.0.0/16',
  });
  assert.deepEqual(chooseRanges({}, { ...nothing, labs: [second] }).nodeCIDR, '10.44.0.0/24');
});

test('only the range that the host routes moves', () => {
  assert.deepEqual(chooseRanges({}, { ...nothing, isRouted: (range) => range === '10.45.0.0/16' }), {
    nodeCIDR: '10.44.0.0/24',
    podCIDR: '10.47.0.0/16',
    serviceCIDR: '10.46.0.0/16',
  });
});

test('a host whose VPN has all of 10.0.0.0/8 gets a lab beside it', () => {
  assert.deepEqual(chooseRanges({}, { ...nothing, isRouted: (range) => range.startsWith('10.') }), {
    nodeCIDR: '172.31.0.0/24',
    podCIDR: '172.19.0.0/16',
    serviceCIDR: '172.20.0.0/16',
  });
});

test('what was asked for stays, and the others keep away from it', () => {
  assert.deepEqual(chooseRanges({ serviceCIDR: '10.44.0.0/15' }, nothing), {
    nodeCIDR: '172.31.0.0/24',
    podCIDR: '10.47.0.0/16',
    serviceCIDR: '10.44.0.0/15',
  });
});

test('what was asked for and another lab has is refused by name', () => {
  assert.throws(
    () => chooseRanges({ podCIDR: '10.44.0.128/25' }, { ...nothing, labs: [first] }),
    (error) =>
      error instanceof LabError &&
      error.message.startsWith('--pod-cidr 10.44.0.128/25 overlaps 10.44.0.0/24 (node-cidr) of lab podwire: '),
  );
});

test('no free range at all is an error that says which option helps', () => {
  assert.throws(() => chooseRanges({}, { ...nothing, isRouted: () => true }), /give one by --node-cidr/);
});

test('no two candidates of any purpose overlap', () => {
  const all = Object.values(candidates).flat();
  assert.equal(new Set(all).size, all.length);
  const blocks = Object.values(candidates).map(
    (list) => new Set(list.map((range) => range.split('.').slice(0, 2).join('.'))),
  );
  const [nodes, pods, services] = blocks;
  assert.ok(nodes && pods && services);
  assert.ok(nodes.isDisjointFrom(pods) && nodes.isDisjointFrom(services) && pods.isDisjointFrom(services));
});
