/**
 * Topology hints: for clients of which zone (or node) an endpoint is meant. Pure. `trafficDistribution` gives each ready
 * endpoint to its own zone (KEP-4444, KEP-3015). The older annotation `service.kubernetes.io/topology-mode: Auto` gives zones
 * endpoints by their share of the cluster's CPU, so that no zone is overloaded (KEP-2433).
 */
import type { Endpoint, Service } from '../../api/types.gen.ts';
import { isAuto, type ZoneShares } from './topology.ts';

/** How much more than its share an endpoint may have to carry. */
const overload = 0.2;

const isReady = ({ conditions }: Endpoint): boolean => conditions?.ready === true;

/** The hints that a trafficDistribution means. */
function closeHints({ zone, nodeName }: Endpoint, distribution: string): Endpoint['hints'] {
  const forZones = zone === undefined ? {} : { forZones: [{ name: zone }] };
  const wantsNode = distribution === 'PreferSameNode' && nodeName !== undefined;
  const hints = { ...forZones, ...(wantsNode ? { forNodes: [{ name: nodeName }] } : {}) };
  return Object.keys(hints).length === 0 ? undefined : hints;
}

/** How many endpoints each zone is to have; undefined when some zone would carry too much. */
function allocations(count: number, shares: ReadonlyMap<string, number>): Map<string, number> | undefined {
  const wanted = [...shares].map(([zone, share]) => {
    const desired = share * count;
    return { zone, desired, least: Math.ceil(desired / (1 + overload)) };
  });
  if (wanted.reduce((sum, { least }) => sum + least, 0) > count) return undefined;
  return new Map(wanted.map(({ zone, desired, least }) => [zone, Math.max(desired, least)]));
}

/** The zone with the largest number, and that number. */
function most(zones: ReadonlyMap<string, number>): readonly [string, number] {
  return [...zones].reduce((best, each) => (each[1] > best[1] ? each : best), ['', 0]);
}

/** From which zone to which endpoints go, one pair an endpoint: as long as it makes things more even. */
function transfers(had: ReadonlyMap<string, number>, wanted: ReadonlyMap<string, number>): [string, string][] {
  const over = new Map([...wanted].map(([zone, target]) => [zone, (had.get(zone) ?? 0) - target]));
  const under = new Map([...over].map(([zone, number]) => [zone, -number]));
  const moved: [string, string][] = [];
  for (;;) {
    const [[from, give], [to, take]] = [most(over), most(under)];
    if (give < 0.5 || take < 0.5 || (give < 1 && take < 1)) return moved;
    moved.push([from, to]);
    over.set(from, give - 1);
    under.set(to, take - 1);
  }
}

/** The zone of each ready endpoint; undefined when hints would do harm. */
function autoZones(ready: readonly Endpoint[], shares: ZoneShares): Map<Endpoint, string> | undefined {
  if (shares === undefined || shares.size > ready.length) return undefined;
  const wanted = allocations(ready.length, shares);
  const zones = new Map<Endpoint, string>();
  const had = new Map<string, number>();
  for (const endpoint of ready) {
    if (endpoint.zone === undefined) return undefined;
    zones.set(endpoint, endpoint.zone);
    had.set(endpoint.zone, (had.get(endpoint.zone) ?? 0) + 1);
  }
  if (wanted === undefined) return undefined;
  const inOrder = [...ready].sort((a, b) => ((a.addresses[0] ?? '') < (b.addresses[0] ?? '') ? -1 : 1));
  for (const [from, to] of transfers(had, wanted)) {
    const endpoint = inOrder.find((each) => each.zone === from && zones.get(each) === from);
    if (endpoint !== undefined) zones.set(endpoint, to);
  }
  return zones;
}

/** The endpoints of one family with their hints. Those that are not ready have none: nobody is sent there by choice. */
export function withHints(service: Service, endpoints: readonly Endpoint[], shares: ZoneShares): Endpoint[] {
  const distribution = service.spec?.trafficDistribution;
  const zones = isAuto(service) ? autoZones(endpoints.filter(isReady), shares) : undefined;
  return endpoints.map((endpoint) => {
    if (!isReady(endpoint)) return endpoint;
    const zone = zones?.get(endpoint);
    const auto = zone === undefined ? undefined : { forZones: [{ name: zone }] };
    const close = isAuto(service) || !distribution ? undefined : closeHints(endpoint, distribution);
    const hints = auto ?? close;
    return hints === undefined ? endpoint : { ...endpoint, hints };
  });
}
