/** What NetworkPolicies dropped, as a counter of Prometheus. */
import type { Registry } from '../../api/metrics-registry.ts';
import type { Drops } from './back-end.ts';
import type { PolicyTable } from './model/table.ts';

/** Series at most: policies that come and go would fill the memory. What comes later is counted together. */
const maxSeries = 1_000;

export interface DropCounter {
  /** Adds what is more than at the last reading of this family; a profile that the kernel has begun anew counts from nothing. */
  count(family: 4 | 6, table: Pick<PolicyTable, 'profiles'>, drops: Pick<Drops, 'byProfile'>): void;
}

/** `podwire_network_policy_dropped_packets_total`, by direction, family and the policies of which none allowed the packets. */
export function createDropCounter(registry: Registry): DropCounter {
  const counter = registry.counter(
    'podwire_network_policy_dropped_packets_total',
    'Packets to or from pods of this node that no NetworkPolicy allowed, by the policies that isolate the pod.',
  );
  const seen = new Map<4 | 6, ReadonlyMap<string, number>>();
  const series = new Set<string>();
  const named = (policies: string): string => {
    if (series.has(policies) || series.size < maxSeries) series.add(policies);
    return series.has(policies) ? policies : 'others';
  };
  return {
    count: (family, { profiles }, { byProfile }) => {
      const before = seen.get(family);
      seen.set(family, byProfile);
      for (const [name, packets] of byProfile) {
        const profile = profiles.get(name);
        const told = before?.get(name) ?? 0;
        const more = packets >= told ? packets - told : packets;
        if (profile === undefined || more === 0) continue;
        const policies = named([...profile.policies].sort().join(','));
        counter.inc({ direction: profile.direction, ip_family: family === 4 ? 'IPv4' : 'IPv6', policies }, more);
      }
    },
  };
}
