/** Counts changes from the API to the kernel, and remembers when what led to them began (endpoints.kubernetes.io/last-change-trigger-time). */
import type { Change } from '../../api/informer.ts';
import type { EndpointSlice } from '../../api/types.gen.ts';
import type { ProxyMetrics } from './proxy-metrics.ts';

const triggerTime = 'endpoints.kubernetes.io/last-change-trigger-time';

type AddressType = EndpointSlice['addressType'];

/** What one commit takes on: times in ms since 1970. */
export type Triggered = (family: AddressType) => readonly number[];

export interface PendingChanges {
  service(): void;
  slice(change: Change<EndpointSlice>): void;
  /** To be called as the rules are computed. When that commit fails, the times are lost, as nobody can say what they would measure. */
  take(): Triggered;
}

type Metrics = Pick<
  ProxyMetrics,
  'endpointChanges' | 'endpointChangesPending' | 'serviceChanges' | 'serviceChangesPending' | 'queued'
>;

/** What began before `startedAt` says nothing about this process. */
export function createPendingChanges(metrics: Metrics, startedAt = Date.now()): PendingChanges {
  let services = 0;
  let slices = 0;
  let times = new Map<AddressType, number[]>();
  return {
    service: () => {
      metrics.queued();
      metrics.serviceChanges.inc();
      metrics.serviceChangesPending.set(++services);
    },
    slice: ({ type, object }) => {
      metrics.queued();
      metrics.endpointChanges.inc();
      metrics.endpointChangesPending.set(++slices);
      // A deletion carries the time of the change before it.
      const at = type === 'deleted' ? NaN : Date.parse(object.metadata.annotations?.[triggerTime] ?? '');
      if (!(at > startedAt)) return;
      const known = times.get(object.addressType);
      if (known === undefined) times.set(object.addressType, [at]);
      else known.push(at);
    },
    take: () => {
      const taken = times;
      times = new Map();
      services = 0;
      slices = 0;
      metrics.serviceChangesPending.set(0);
      metrics.endpointChangesPending.set(0);
      return (family) => taken.get(family) ?? [];
    },
  };
}
