import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mergeConfig } from './agree-config.ts';
import { defaultConfig, LabError, type LabConfig } from './config.ts';

const has: LabConfig = { ...defaultConfig, nodes: ['node1'], nodeSettings: { node1: { labels: { disk: 'ssd' } } } };

test('a lab that is there keeps what it has when nothing is asked for', () => {
  assert.deepEqual(mergeConfig(has, {}), has);
  assert.deepEqual(mergeConfig(has, { podCIDR: '10.45.0.0/16', nodes: ['node1'] }), has);
});

test('nodes are added, each with what it is registered with', () => {
  const nodeSettings = { ...has.nodeSettings, node2: { labels: { disk: 'hdd' } } };
  const more = mergeConfig(has, { nodes: ['node1', 'node2'], nodeSettings });
  assert.deepEqual([more.nodes, more.nodeSettings], [['node1', 'node2'], nodeSettings]);
});

for (const [what, wanted, message] of [
  ['another range', { serviceCIDR: '10.99.0.0/16' }, /has serviceCIDR 10\.46\.0\.0\/16: podwire down first/],
  ['another grace period', { nodeMonitorGraceSeconds: 8 }, /takes a node for dead after 40s: podwire down first/],
  ['less nodes', { nodes: [] }, /podwire node rm node1 --name podwire/],
  ['other labels', { nodeSettings: { node1: { labels: { disk: 'hdd' } } } }, /node1 of lab podwire .*kubectl label/],
  ['no labels', { nodeSettings: {} }, /node1 of lab podwire/],
] as const)
  test(`${what} for a lab that is there is refused`, () => {
    assert.throws(
      () => mergeConfig(has, wanted),
      (error) => error instanceof LabError && message.test(error.message),
    );
  });
