import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultConfig, machineNamed, type LabConfig } from './config.ts';
import { podwireServices } from './services.ts';

const flags = (machine: string, settings: Partial<LabConfig>): readonly string[] => {
  const config = { ...defaultConfig, nodes: ['node1'], ...settings };
  const services = podwireServices({ node: '/node', script: '/script' });
  return services(machineNamed(config, machine), config).flatMap(({ argv }) => argv);
};

for (const [seconds, grace, lease] of [
  [undefined, '40s', '40'],
  [8, '8s', '8'],
  [300, '300s', '40'],
] as const)
  test(`a grace period of ${seconds ?? 'no'} seconds: nodes give a sign of life within it`, () => {
    const settings = seconds === undefined ? {} : { nodeMonitorGraceSeconds: seconds };
    assert.ok(flags('control-plane', settings).includes(`--node-monitor-grace-period=${grace}`));
    assert.ok(flags('node1', settings).includes(`--node-lease-duration-seconds=${lease}`));
  });

test('who cannot answer for addresses of load balancers says so', () => {
  const label = '--node-labels=node.kubernetes.io/exclude-from-external-load-balancers=';
  const settings: Partial<LabConfig> = { nodes: ['node1', 'node2'], segments: 2 };
  assert.ok(flags('node2', settings).includes(label));
  assert.ok(!flags('node1', settings).includes(label));
});

test("somebody else's CNI configuration, a folder a node when its path says so", () => {
  assert.ok(flags('node1', { cni: '/etc/lab/{node}' }).includes('--cni-conf-dir=/etc/lab/node1'));
  assert.ok(!flags('node1', {}).some((flag) => flag.startsWith('--cni-')));
});

for (const [settings, mode] of [
  [{}, 'routes'],
  [{ segments: 2 }, 'auto'],
  [{ segments: 2, podNetwork: 'routes' }, 'routes'],
  [{ podNetwork: 'vxlan' }, 'vxlan'],
] as const)
  test(`pods of other nodes are reached by ${mode} with ${JSON.stringify(settings)}`, () => {
    assert.ok(flags('node1', settings).includes(`--pod-network=${mode}`));
  });
