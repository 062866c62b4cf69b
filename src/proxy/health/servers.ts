/** The two HTTP servers of the proxy: what it says of itself to monitoring, and whether it is healthy to load balancers. */
import type { Logger } from '../../api/logger.ts';
import type { Node } from '../../api/types.gen.ts';
import type { ProxyMode } from '../back-end.ts';
import type { ProxyMetrics } from '../metrics/proxy-metrics.ts';
import { json, listen, parseBindAddress, plain, type Answer, type Routes } from './http-server.ts';
import { isEligible, type ProxyHealth } from './proxy-health.ts';

export interface ProxyServersOptions {
  /** `HOST:PORT`; undefined or empty: none. */
  readonly metricsAddress: string | undefined;
  readonly healthzAddress: string | undefined;
  readonly mode: ProxyMode;
  readonly metrics: ProxyMetrics;
  readonly health: ProxyHealth;
  readonly node: () => Node | undefined;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

function metricsRoutes({ mode, metrics }: ProxyServersOptions): Routes {
  return {
    '/metrics': () => ({ code: 200, type: 'text/plain; version=0.0.4; charset=utf-8', body: metrics.registry.text() }),
    '/proxyMode': () => plain(mode),
    '/healthz': () => plain('ok'),
  };
}

function healthRoutes({ metrics, health, node }: ProxyServersOptions): Routes {
  const counted = (counter: 'healthz' | 'livez', isGood: boolean, body: unknown): Answer => {
    const code = isGood ? 200 : 503;
    metrics[counter].inc({ code: String(code) });
    return json(code, body);
  };
  return {
    '/healthz': () => {
      const nodeEligible = isEligible(node());
      return counted('healthz', health.isHealthy() && nodeEligible, { ...health.report(), nodeEligible });
    },
    '/livez': () => counted('livez', health.isHealthy(), health.report()),
  };
}

/** Services are served whether these can listen or not: a port that is taken is logged. Throws for what is no address. */
export function startProxyServers(options: ProxyServersOptions): void {
  const { metricsAddress, healthzAddress, logger, signal } = options;
  const start = (address: string | undefined, routes: Routes): void => {
    if (address === undefined || address === '') return;
    listen(parseBindAddress(address), routes).then(
      (listener) => signal.addEventListener('abort', () => listener.close(), { once: true }),
      (error: unknown) => logger.error('cannot listen', { address, error: String(error) }),
    );
  };
  start(metricsAddress, metricsRoutes(options));
  start(healthzAddress, healthRoutes(options));
}
