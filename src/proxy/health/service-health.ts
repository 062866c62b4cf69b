/** Answers load balancers that ask whether this node has pods of a Service (`healthCheckNodePort`, policy Local), as kube-proxy does. */
import type { EventRecorder } from '../../api/event-recorder.ts';
import { keyOf } from '../../api/informer.ts';
import type { Logger } from '../../api/logger.ts';
import type { ObjectSource } from '../model/table-keeper.ts';
import { healthCheckOf, isProxied, type HealthCheck } from '../model/service-ports.ts';
import { HealthPorts } from './health-ports.ts';
import { json, type Answer } from './http-server.ts';

export interface ServiceHealth {
  /** Looks at these Services anew. Call what comes back once their rules are in: only then are answers and ports other ones. */
  update(keys: ReadonlySet<string> | 'all'): () => void;
  /** Tries ports again that were taken. */
  retry(): void;
  /** Closes every port. */
  close(): void;
}

export interface ServiceHealthOptions {
  readonly source: ObjectSource;
  readonly isHealthy: () => boolean;
  /** Where the ports listen, as CIDRs of node addresses; undefined: everywhere. */
  readonly addresses: readonly string[] | undefined;
  readonly events: EventRecorder;
  readonly logger: Logger;
}

function answerOf(service: string, count: number, healthy: boolean): Answer {
  const [namespace, name] = service.split('/');
  const body = { service: { namespace, name }, localEndpoints: count, serviceProxyHealthy: healthy };
  return json(count > 0 && healthy ? 200 : 503, body, { 'x-load-balancing-endpoint-weight': String(count) });
}

export function createServiceHealth(options: ServiceHealthOptions): ServiceHealth {
  const { source, isHealthy, addresses } = options;
  const counts = new Map<string, number>();
  const ports = new HealthPorts({
    addresses,
    answer: (service) => answerOf(service, counts.get(service) ?? 0, isHealthy()),
    onTaken: (service, port, error) => reportTaken(options, service, port, error),
  });
  const checkOf = (key: string): HealthCheck | undefined => {
    const service = source.service(key);
    if (service === undefined || !isProxied(service)) return undefined;
    return healthCheckOf(service, source.slicesOf(key), source.whereabouts());
  };
  return {
    update: (keys) => {
      const looked = keys === 'all' ? [...ports.names(), ...source.services().map(keyOf)] : keys;
      const checks = [...new Set(looked)].map((key) => [key, checkOf(key)] as const);
      return () => {
        for (const [key, check] of checks) {
          if (ports.portOf(key) !== check?.port) ports.remove(key);
          counts.set(key, check?.localEndpoints ?? 0);
          if (check === undefined) counts.delete(key);
        }
        // After all that go: a port may change hands in one commit.
        for (const [key, check] of checks)
          if (check !== undefined && ports.portOf(key) === undefined) ports.add(key, check.port);
        ports.retry();
      };
    },
    retry: () => ports.retry(),
    close: () => {
      for (const service of ports.names()) ports.remove(service);
    },
  };
}

function reportTaken(
  { source, events, logger }: ServiceHealthOptions,
  service: string,
  port: number,
  error: unknown,
): void {
  const why = error instanceof Error ? error.message : String(error);
  logger.error('health check port not opened', { service, port, error: why });
  const metadata = source.service(service)?.metadata;
  if (metadata === undefined) return;
  const message = `health checks cannot be answered on port ${port}: ${why}`;
  events.event({ apiVersion: 'v1', kind: 'Service', metadata }, 'Warning', 'FailedToStartServiceHealthcheck', message);
}
