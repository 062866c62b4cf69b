/** What the proxy tells of itself, under the names of kube-proxy 1.36 (pkg/proxy/metrics): dashboards of it work unchanged. */
import type { Family } from '../../kernel/family.ts';
import type { ProxyMode, RuleCounts } from '../back-end.ts';
import type { ServicePort } from '../model/service-port.ts';
import type { ServiceChange } from '../model/table-keeper.ts';
import {
  createRegistry,
  type Counter,
  type Gauge,
  type Histogram,
  type Registry,
  addProcess,
} from '../../api/metrics-registry.ts';

const exponential = (first: number, count: number): number[] =>
  Array.from({ length: count }, (_, index) => first * 2 ** index);
const linear = (first: number, step: number, count: number): number[] =>
  Array.from({ length: count }, (_, index) => first + step * index);

/** 1 ms to 16 s. */
const syncBuckets = exponential(0.001, 15);
/** Those of the service level that upstream watches: a quarter of a second to five minutes. */
const programmingBuckets = [...linear(0.25, 0.25, 2), ...linear(1, 1, 59), ...linear(60, 5, 12), ...linear(120, 30, 7)];

/** One family's part. */
export interface FamilyMetrics {
  /** Rules are in. `triggered`: when what led to this began, where the objects say so (ms since 1970). */
  written(facts: {
    readonly full: boolean;
    readonly durationMs: number;
    readonly changes: readonly ServiceChange[];
    readonly triggered: readonly number[];
  }): void;
  failed(facts: { readonly full: boolean }): void;
  /** See {@link RuleCounts}. */
  rules(counts: RuleCounts): void;
  /** What no rule leads to any more could not be removed. */
  cleanUpFailed(): void;
  /** Stale flows were looked for. */
  swept(durationMs: number, deleted: number): void;
}

export interface ProxyMetrics {
  readonly registry: Registry;
  readonly endpointChanges: Counter;
  readonly endpointChangesPending: Gauge;
  readonly serviceChanges: Counter;
  readonly serviceChangesPending: Gauge;
  readonly healthz: Counter;
  readonly livez: Counter;
  /** A sync is asked for. */
  queued(): void;
  /** How full the kernel's table of flows is. */
  readonly flows: Gauge;
  readonly flowsLimit: Gauge;
  of(family: Family): FamilyMetrics;
}

export const familyLabel = ({ version }: Family): 'IPv4' | 'IPv6' => (version === 4 ? 'IPv4' : 'IPv6');

/** Ports of policy Local that somebody else serves and nobody here. */
function withoutLocal(ports: readonly ServicePort[], policy: 'internalPolicy' | 'externalPolicy'): number {
  return ports.filter(
    (port) => port[policy] === 'Local' && port.endpoints.length > 0 && port.localEndpoints.length === 0,
  ).length;
}

interface SyncMetrics {
  readonly all: Histogram;
  readonly full: Histogram;
  readonly partial: Histogram;
  readonly last: Gauge;
  readonly programming: Histogram;
  readonly withoutLocal: Gauge;
  readonly failures: Counter | undefined;
  readonly partialFailures: Counter | undefined;
  readonly cleanUpFailures: Counter | undefined;
  readonly rules: Gauge | undefined;
  readonly lastRules: Gauge | undefined;
  readonly sweeps: Histogram;
  readonly deletedFlows: Counter;
}

/** What one mode alone tells. */
function modeMetrics(
  registry: Registry,
  mode: ProxyMode,
): Pick<SyncMetrics, 'failures' | 'partialFailures' | 'cleanUpFailures' | 'rules' | 'lastRules'> {
  const name = (rest: string): string => `kubeproxy_sync_proxy_rules_${mode}_${rest}`;
  const failed = (what: string, help: string): Counter => registry.counter(name(`${what}_failures_total`), help);
  const isIptables = mode === 'iptables';
  const isNftables = mode === 'nftables';
  return {
    failures: isIptables
      ? failed('restore', 'How often the kernel refused.')
      : isNftables
        ? failed('sync', 'How often the kernel refused.')
        : undefined,
    partialFailures: isIptables ? failed('partial_restore', 'Of them for those Services that changed.') : undefined,
    cleanUpFailures: isNftables
      ? failed('cleanup', 'How often what nothing leads to could not be removed.')
      : undefined,
    rules: isIptables ? registry.gauge(name('total'), 'Rules of this proxy.') : undefined,
    lastRules: isIptables ? registry.gauge(name('last'), 'Rules in the chains of the last sync.') : undefined,
  };
}

function syncMetrics(registry: Registry, mode: ProxyMode): SyncMetrics {
  const name = (rest: string): string => `kubeproxy_${rest}`;
  const duration = (what: string, help: string): Histogram =>
    registry.histogram(name(`${what}_duration_seconds`), help, syncBuckets);
  return {
    all: duration('sync_proxy_rules', 'How long a sync of the rules took.'),
    full: duration('sync_full_proxy_rules', 'How long a sync took that looked at every Service.'),
    partial: duration('sync_partial_proxy_rules', 'How long a sync took of those Services that changed.'),
    last: registry.gauge(name('sync_proxy_rules_last_timestamp_seconds'), 'When rules were last synced.'),
    programming: registry.histogram(
      name('network_programming_duration_seconds'),
      'From the change of a pod or a Service to its rules on this node.',
      programmingBuckets,
    ),
    withoutLocal: registry.gauge(
      name('sync_proxy_rules_no_local_endpoints_total'),
      'Service ports of policy Local that have endpoints, but none here.',
    ),
    ...modeMetrics(registry, mode),
    sweeps: duration('conntrack_reconciler_sync', 'How long a search for stale flows took.'),
    deletedFlows: registry.counter(name('conntrack_reconciler_deleted_entries_total'), 'Stale flows deleted.'),
  };
}

function familyMetrics(sync: SyncMetrics, family: Family): FamilyMetrics {
  const labels = { ip_family: familyLabel(family) };
  const without = { internal: 0, external: 0 };
  const count = (sign: 1 | -1, ports: readonly ServicePort[]): void => {
    without.internal += sign * withoutLocal(ports, 'internalPolicy');
    without.external += sign * withoutLocal(ports, 'externalPolicy');
  };
  return {
    written: ({ full, durationMs, changes, triggered }) => {
      const now = Date.now();
      sync.all.observe(durationMs / 1000, labels);
      sync[full ? 'full' : 'partial'].observe(durationMs / 1000, labels);
      sync.last.set(now / 1000, labels);
      for (const at of triggered) sync.programming.observe(Math.max(0, now - at) / 1000, labels);
      for (const { before, after } of changes) {
        count(-1, before);
        count(1, after);
      }
      for (const policy of ['internal', 'external'] as const)
        sync.withoutLocal.set(without[policy], { traffic_policy: policy, ...labels });
    },
    failed: ({ full }) => {
      sync.failures?.inc(labels);
      if (!full) sync.partialFailures?.inc(labels);
    },
    rules: (counts) => {
      for (const [table, { total, last }] of Object.entries(counts)) {
        sync.rules?.set(total, { table, ...labels });
        sync.lastRules?.set(last, { table, ...labels });
      }
    },
    cleanUpFailed: () => sync.cleanUpFailures?.inc(labels),
    swept: (durationMs, deleted) => {
      sync.sweeps.observe(durationMs / 1000, labels);
      sync.deletedFlows.inc(labels, deleted);
    },
  };
}

export function createProxyMetrics(mode: ProxyMode, families: readonly Family[]): ProxyMetrics {
  const registry = createRegistry();
  const name = (rest: string): string => `kubeproxy_sync_proxy_rules_${rest}`;
  const sync = syncMetrics(registry, mode);
  const lastQueued = registry.gauge(name('last_queued_timestamp_seconds'), 'When a sync was last asked for.');
  addProcess(registry);
  return {
    registry,
    endpointChanges: registry.counter(name('endpoint_changes_total'), 'Changes of EndpointSlices.'),
    endpointChangesPending: registry.gauge(name('endpoint_changes_pending'), 'Of them not in the rules yet.'),
    serviceChanges: registry.counter(name('service_changes_total'), 'Changes of Services.'),
    serviceChangesPending: registry.gauge(name('service_changes_pending'), 'Of them not in the rules yet.'),
    queued: () => {
      for (const family of families) lastQueued.set(Date.now() / 1000, { ip_family: familyLabel(family) });
    },
    healthz: registry.counter('kubeproxy_proxy_healthz_total', 'Answers of /healthz by code.'),
    livez: registry.counter('kubeproxy_proxy_livez_total', 'Answers of /livez by code.'),
    flows: registry.gauge('podwire_conntrack_entries', "Flows in the kernel's table, of this network namespace."),
    flowsLimit: registry.gauge('podwire_conntrack_limit', 'How many it holds.'),
    of: (family) => familyMetrics(sync, family),
  };
}
