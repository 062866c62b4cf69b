/** Cluster DNS: the names of Services, endpoints and pods, and everybody else's by asking others. */
import type { Cidr } from '../api/addresses.ts';
import type { InformerFactory } from '../api/informer.ts';
import type { Logger } from '../api/logger.ts';
import { startHealthServer } from './health-server.ts';
import { createDnsMetrics } from './metrics/dns-metrics.ts';
import { createDnsObjects, type DnsObjects } from './objects.ts';
import { createResolver } from './resolver.ts';
import { startDnsServer } from './server.ts';
import { createForwarder, type ForwarderOptions } from './upstream/forwarder.ts';
import type { SavedObjects } from './snapshot/saved-objects.ts';
import { keepSnapshot, readSnapshot } from './snapshot/snapshot.ts';
import { createZone } from './zone/zone.ts';

export { parseServer, parseStubDomain, serversOfResolvConf } from './resolv-conf.ts';

export interface DnsOptions extends Pick<ForwarderOptions, 'servers' | 'stubDomains'> {
  readonly informers: InformerFactory;
  /** `cluster.local` */
  readonly zone: string;
  /** Where it listens; one address, every one of a family by `0.0.0.0` or `::`. */
  readonly host: string;
  readonly port: number;
  /** Where /health, /ready and /metrics are. */
  readonly healthPort: number;
  /** Seconds that answers of the cluster's zone may be kept. */
  readonly ttl: number;
  /** Whether the search list of pods is walked here. */
  readonly autopath: boolean;
  /** Ranges of the cluster's addresses: nobody else is asked about their names. */
  readonly reverseCIDRs: readonly Cidr[];
  /** Where what is known of the cluster is kept, for the next start; nowhere without. */
  readonly snapshot: string | undefined;
  readonly logger: Logger;
}

/** What the last run knew. One that cannot be read is as good as none. */
async function savedObjects({ snapshot, logger }: DnsOptions): Promise<SavedObjects | undefined> {
  if (snapshot === undefined) return undefined;
  try {
    return await readSnapshot(snapshot);
  } catch (error) {
    logger.warn('the snapshot of the cluster is of no use', { path: snapshot, error: String(error) });
    return undefined;
  }
}

function startSnapshots(objects: DnsObjects, { snapshot: path, logger }: DnsOptions): () => void {
  if (path === undefined) return () => undefined;
  const { isCurrent, generation, lists } = {
    isCurrent: () => objects.isCurrent(),
    generation: () => objects.generation(),
    lists: () => objects.lists(),
  };
  return keepSnapshot({ path, isCurrent, generation, lists, logger });
}

/**
 * Resolves when it answers; what comes back ends it. Until the cluster is known names of it are failures, those of the snapshot
 * excepted.
 */
export async function startDns(options: DnsOptions): Promise<{ close(): Promise<void> }> {
  const { host, port, logger } = options;
  const zoneName = options.zone.replace(/\.$/, '').toLowerCase();
  const saved = await savedObjects(options);
  const objects = createDnsObjects(options.informers, { withPods: options.autopath, saved });
  let isReady = saved !== undefined;
  const zone = createZone({
    zone: zoneName,
    objects,
    reverseCIDRs: options.reverseCIDRs,
    ttl: options.ttl,
    isCurrent: () => objects.isCurrent(),
    serial: () => objects.generation(),
  });
  const metrics = createDnsMetrics();
  const forwarder = createForwarder({ ...options, metrics });
  const resolver = createResolver({ zone, forwarder, metrics, namespaceOf: (ip) => objects.namespaceOf(ip) });
  const server = await startDnsServer({ host, port, resolver, metrics, freshness: objects.freshness });
  const closeHealth = await startHealthServer({
    host,
    port: options.healthPort,
    isReady: () => isReady,
    metrics: () => metrics.text(),
  });
  if (isReady) logger.info('names of the cluster are answered as the last run knew them', { zone: zoneName });
  void objects.synced.then(() => {
    isReady = true;
    logger.info('the cluster is known: names of it are answered', { zone: zoneName, port: server.port });
  });
  const endSnapshots = startSnapshots(objects, options);
  return {
    close: async () => {
      endSnapshots();
      closeHealth();
      await server.close();
    },
  };
}
