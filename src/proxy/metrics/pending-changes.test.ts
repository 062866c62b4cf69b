import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EndpointSlice } from '../../api/types.gen.ts';
import { ipv4 } from '../../kernel/family.ts';
import { createPendingChanges } from './pending-changes.ts';
import { createProxyMetrics } from './proxy-metrics.ts';

const slice = (at: string, addressType: 'IPv4' | 'IPv6' = 'IPv4'): EndpointSlice => ({
  metadata: { annotations: { 'endpoints.kubernetes.io/last-change-trigger-time': at } },
  addressType,
  endpoints: [],
});
const startedAt = Date.parse('2026-01-01T00:00:10Z');

test('each family gets the times of its slices, once; deletions and what began before us give none', () => {
  const pending = createPendingChanges(createProxyMetrics('iptables', [ipv4]), startedAt);
  pending.slice({ type: 'added', object: slice('2026-01-01T00:00:09Z') });
  pending.slice({ type: 'added', object: slice('2026-01-01T00:00:11.5Z') });
  pending.slice({ type: 'added', object: slice('nonsense') });
  pending.slice({ type: 'added', object: slice('2026-01-01T00:00:12Z', 'IPv6') });
  pending.slice({ type: 'deleted', object: slice('2026-01-01T00:00:13Z') });
  const taken = pending.take();
  assert.deepEqual(taken('IPv4'), [startedAt + 1500]);
  assert.deepEqual(taken('IPv6'), [startedAt + 2000]);
  assert.deepEqual(pending.take()('IPv4'), []);
});

test("the metrics have kube-proxy's names", () => {
  const metrics = createProxyMetrics('iptables', [ipv4]);
  const pending = createPendingChanges(metrics, startedAt);
  pending.service();
  pending.slice({ type: 'deleted', object: slice('') });
  const family = metrics.of(ipv4);
  family.failed({ full: true });
  family.failed({ full: false });
  family.rules({ nat: { total: 120, last: 7 } });
  family.written({ full: true, durationMs: 3, changes: [], triggered: [Date.now() - 700] });
  family.swept(2, 5);
  const text = metrics.registry.text();
  for (const line of [
    'kubeproxy_sync_proxy_rules_duration_seconds_bucket{ip_family="IPv4",le="0.004"} 1',
    'kubeproxy_sync_full_proxy_rules_duration_seconds_count{ip_family="IPv4"} 1',
    'kubeproxy_network_programming_duration_seconds_bucket{ip_family="IPv4",le="0.5"} 0',
    'kubeproxy_network_programming_duration_seconds_bucket{ip_family="IPv4",le="300"} 1',
    'kubeproxy_sync_proxy_rules_endpoint_changes_total 1',
    'kubeproxy_sync_proxy_rules_endpoint_changes_pending 1',
    'kubeproxy_sync_proxy_rules_service_changes_pending 1',
    'kubeproxy_sync_proxy_rules_iptables_restore_failures_total{ip_family="IPv4"} 2',
    'kubeproxy_sync_proxy_rules_iptables_partial_restore_failures_total{ip_family="IPv4"} 1',
    'kubeproxy_sync_proxy_rules_iptables_total{table="nat",ip_family="IPv4"} 120',
    'kubeproxy_sync_proxy_rules_iptables_last{table="nat",ip_family="IPv4"} 7',
    'kubeproxy_sync_proxy_rules_no_local_endpoints_total{traffic_policy="external",ip_family="IPv4"} 0',
    'kubeproxy_conntrack_reconciler_deleted_entries_total{ip_family="IPv4"} 5',
  ])
    assert.ok(text.includes(`${line}\n`), line);
  assert.match(text, /^kubeproxy_sync_proxy_rules_last_timestamp_seconds\{ip_family="IPv4"\} \d+/m);
  assert.doesNotMatch(text, /nftables/);
  assert.match(text, /^kubeproxy_sync_proxy_rules_last_queued_timestamp_seconds\{ip_family="IPv4"\} \d+/m);
});
