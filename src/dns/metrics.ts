/** Counters under CoreDNS's names, so that dashboards made for it work. Text as Prometheus reads it. */
import { rcodes } from './wire/types.ts';

type Transport = 'udp' | 'tcp';

export interface DnsMetrics {
  /** `seconds` for those that others were asked about. */
  answered(transport: Transport, rcode: number, seconds?: number): void;
  text(): string;
}

const names = new Map(Object.entries(rcodes).map(([name, code]) => [code as number, name]));
const bounds = [0.00025, 0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.024, 2.048];

/** `cached` tells how many answers of others are kept. */
export function createDnsMetrics(zone: string, cached: () => number): DnsMetrics {
  const counts: Record<Transport, Map<number, number>> = { udp: new Map(), tcp: new Map() };
  const buckets = bounds.map(() => 0);
  let forwarded = 0;
  let forwardedSeconds = 0;
  const lines = (name: string, kind: string, help: string, samples: readonly string[]): string =>
    [`# HELP ${name} ${help}`, `# TYPE ${name} ${kind}`, ...samples, ''].join('\n');
  return {
    answered: (transport, rcode, seconds) => {
      const of = counts[transport];
      of.set(rcode, (of.get(rcode) ?? 0) + 1);
      if (seconds === undefined) return;
      forwarded += 1;
      forwardedSeconds += seconds;
      for (const [index, bound] of bounds.entries()) if (seconds <= bound) buckets[index] = (buckets[index] ?? 0) + 1;
    },
    text: () => {
      const each = (sample: (transport: Transport, rcode: string, count: number) => string): string[] =>
        (['udp', 'tcp'] as const).flatMap((transport) =>
          [...counts[transport]].map(([rcode, count]) => sample(transport, names.get(rcode) ?? String(rcode), count)),
        );
      const server = 'server="dns://:53"';
      const total = (transport: Transport): number =>
        [...counts[transport].values()].reduce((sum, one) => sum + one, 0);
      const duration = 'coredns_forward_request_duration_seconds';
      return [
        lines(
          'coredns_dns_requests_total',
          'counter',
          'Queries by transport.',
          (['udp', 'tcp'] as const).map(
            (proto) => `coredns_dns_requests_total{${server},zone="${zone}.",proto="${proto}"} ${total(proto)}`,
          ),
        ),
        lines(
          'coredns_dns_responses_total',
          'counter',
          'Answers by response code.',
          each(
            (proto, rcode, count) =>
              `coredns_dns_responses_total{${server},zone="${zone}.",proto="${proto}",rcode="${rcode}"} ${count}`,
          ),
        ),
        lines(duration, 'histogram', 'How long those took that others were asked about.', [
          ...bounds.map((bound, index) => `${duration}_bucket{le="${bound}"} ${buckets[index] ?? 0}`),
          `${duration}_bucket{le="+Inf"} ${forwarded}`,
          `${duration}_sum ${forwardedSeconds}`,
          `${duration}_count ${forwarded}`,
        ]),
        lines('coredns_cache_entries', 'gauge', 'Answers of others that are kept.', [
          `coredns_cache_entries{${server},type="success"} ${cached()}`,
        ]),
      ].join('');
    },
  };
}
