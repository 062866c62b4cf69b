import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ipv4, ipv6 } from '../../kernel/family.ts';
import { createProxyHealth, isEligible } from './proxy-health.ts';

test('a change that waits for a minute makes it unhealthy, until it is written', () => {
  let now = 0;
  const health = createProxyHealth([ipv4, ipv6], () => now);
  health.queued();
  now = 200_000;
  assert.equal(health.isHealthy(), true, 'it starts up');
  health.written(ipv4);
  health.written(ipv6);
  health.queued();
  now += 1000;
  health.queued();
  health.written(ipv6);
  now += 58_999;
  assert.equal(health.isHealthy(), true);
  now += 1;
  assert.equal(health.isHealthy(), false);
  assert.deepEqual(health.report(), {
    lastUpdated: '1970-01-01T00:03:21.000Z',
    currentTime: '1970-01-01T00:04:20.000Z',
    healthy: false,
    status: {
      IPv4: { lastUpdated: '1970-01-01T00:03:20.000Z', healthy: false },
      IPv6: { lastUpdated: '1970-01-01T00:03:21.000Z', healthy: true },
    },
  });
  health.written(ipv4);
  assert.equal(health.isHealthy(), true);
});

test('a node that is being taken away is not eligible', () => {
  assert.equal(isEligible(undefined), false);
  assert.equal(isEligible({ metadata: {} }), true);
  assert.equal(isEligible({ metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } }), false);
  const taints = [{ key: 'ToBeDeletedByClusterAutoscaler', effect: 'NoSchedule' as const }];
  assert.equal(isEligible({ metadata: {}, spec: { taints } }), false);
});
