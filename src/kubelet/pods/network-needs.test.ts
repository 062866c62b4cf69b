import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContainerPort, PodSpec } from '../../api/types.gen.ts';
import { networkNeeds } from './network-needs.ts';

const needs = (ports: readonly ContainerPort[], spec: Partial<PodSpec> = {}) =>
  networkNeeds({ metadata: { name: 'web' }, spec: { containers: [{ name: 'main', ports: [...ports] }], ...spec } });

test('ports of the node, as CRI tells them', () => {
  const ports = [
    { containerPort: 80 },
    { containerPort: 81, hostPort: 8081 },
    { containerPort: 82, hostPort: 8082, hostIP: '127.0.0.1', protocol: 'UDP' },
  ];
  assert.deepEqual(needs(ports).network?.hostPorts, [
    { hostIP: '', hostPort: 8081, containerPort: 81, protocol: 'TCP' },
    { hostIP: '127.0.0.1', hostPort: 8082, containerPort: 82, protocol: 'UDP' },
  ]);
});

test("none for a pod without, nor for one on the host's network, whose ports are there by themselves", () => {
  assert.deepEqual(needs([{ containerPort: 80 }]), {});
  assert.deepEqual(needs([{ containerPort: 80, hostPort: 80 }], { hostNetwork: true }), {});
});

const limited = (annotations: Record<string, string>, spec: Partial<PodSpec> = {}) =>
  networkNeeds({ metadata: { name: 'web', annotations }, spec: { containers: [], ...spec } });

test('limits of bandwidth in bits a second, each for itself', () => {
  const both = { 'kubernetes.io/ingress-bandwidth': '5M', 'kubernetes.io/egress-bandwidth': '1Gi' };
  assert.deepEqual(limited(both), { network: { bandwidth: { ingress: 5_000_000, egress: 1_073_741_824 } } });
  assert.deepEqual(limited({ 'kubernetes.io/egress-bandwidth': '1k' }).network, { bandwidth: { egress: 1000 } });
  assert.deepEqual(limited(both, { hostNetwork: true }), {});
});

test('a limit that makes no sense is refused by the name of its annotation', () => {
  for (const [text, why] of [
    ['999', /unreasonably small \(< 1kbit\)/],
    ['-5M', /unreasonably small/],
    ['2P', /unreasonably large \(> 1Pbit\)/],
    ['5 Mbit', /"5 Mbit": not a quantity/],
    ['', /not a quantity/],
  ] as const) {
    assert.throws(() => limited({ 'kubernetes.io/egress-bandwidth': text }), why);
    assert.throws(() => limited({ 'kubernetes.io/egress-bandwidth': text }), /kubernetes\.io\/egress-bandwidth/);
  }
});
