import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultConfig, machineNamed, type LabConfig } from './config.ts';
import { ipv6RangesFor } from './ipv6-ranges.ts';
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

for (const [settings, ranges] of [
  [{}, '10.44.0.224/27'],
  [{ ipFamily: 'ipv6' }, 'fd44:a2c::e0/123'],
  [{ segments: 2 }, '10.44.0.112/28@10.44.0.0/25;10.44.0.240/28@10.44.0.128/25'],
  [
    { ipFamily: 'dual', segments: 2 },
    '10.44.0.112/28,fd44:a2c::70/124@10.44.0.0/25,fd44:a2c::/64;10.44.0.240/28,fd44:a2c:0:1::70/124@10.44.0.128/25,fd44:a2c:0:1::/64',
  ],
] as const)
  test(`addresses of load balancers with ${JSON.stringify(settings)}: ${ranges}`, () => {
    const ipv6 = 'ipFamily' in settings ? { ipv6: ipv6RangesFor(defaultConfig.nodeCIDR) } : {};
    assert.ok(flags('control-plane', { ...settings, ...ipv6 }).includes(`--load-balancer-cidr=${ranges}`));
  });

test("somebody else's CNI configuration, a folder a node when its path says so", () => {
  assert.ok(flags('node1', { cni: '/etc/lab/{node}' }).includes('--cni-conf-dir=/etc/lab/node1'));
  assert.ok(!flags('node1', {}).some((flag) => flag.startsWith('--cni-')));
});

test('node-local DNS: a service of its own on each node, whose address pods ask first', () => {
  const node = flags('node1', { dns: 'node-local' });
  assert.deepEqual(
    node.filter((flag) => flag.includes('-dns=')),
    ['--cluster-dns=10.46.0.10', '--node-local-dns=169.254.20.10'],
  );
  assert.ok(node.includes('--bind-address=169.254.20.10'));
  assert.ok(!flags('control-plane', { dns: 'node-local' }).includes('--bind-address=169.254.20.10'));
  assert.ok(!flags('node1', {}).some((flag) => flag.includes('169.254')));
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
