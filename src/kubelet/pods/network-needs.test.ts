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
