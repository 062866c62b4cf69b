/** Cluster DNS: the names of Services, endpoints and pods, and everybody else's by asking others. */
import type { InformerFactory } from '../api/informer.ts';
import type { Logger } from '../api/logger.ts';
import { startHealthServer } from './health-server.ts';
import { createDnsMetrics } from './metrics.ts';
import { createDnsObjects } from './objects.ts';
import { createResolver } from './resolver.ts';
import { startDnsServer } from './server.ts';
import { createForwarder, type ForwarderOptions } from './upstream/forwarder.ts';
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
  readonly logger: Logger;
}

/** Resolves when it answers; what comes back ends it. Until the cluster is known names of it are failures. */
export async function startDns(options: DnsOptions): Promise<{ close(): Promise<void> }> {
  const { host, port, logger } = options;
  const zoneName = options.zone.replace(/\.$/, '').toLowerCase();
  const objects = createDnsObjects(options.informers, options.autopath);
  let isReady = false;
  const zone = createZone({
    zone: zoneName,
    objects,
    ttl: options.ttl,
    isCurrent: () => objects.isCurrent(),
    serial: () => objects.generation(),
  });
  const forwarder = createForwarder(options);
  const metrics = createDnsMetrics(zoneName, () => forwarder.cached);
  const resolver = createResolver({ zone, forwarder, namespaceOf: (ip) => objects.namespaceOf(ip) });
  // What was remembered while the server was not heard is not true any longer when it is, and the other way round.
  const generation = (): number => objects.generation() * 2 + Number(objects.isCurrent());
  const server = await startDnsServer({ host, port, resolver, metrics, generation });
  const closeHealth = await startHealthServer({
    host,
    port: options.healthPort,
    isReady: () => isReady,
    metrics: () => metrics.text(),
  });
  void objects.synced.then(() => {
    isReady = true;
    logger.info('the cluster is known: names of it are answered', { zone: zoneName, port: server.port });
  });
  return {
    close: async () => {
      closeHealth();
      await server.close();
    },
  };
}
