/** What is counted, under CoreDNS's names and labels, so that dashboards made for it work. */
import { rcodes, types } from '../wire/types.ts';
import { Counts, Histogram, metric, sample } from './samples.ts';

export type Transport = 'udp' | 'tcp';

/** One query and what was said to it. */
export interface Answered {
  readonly transport: Transport;
  readonly client: string;
  readonly type: number;
  readonly rcode: number;
  readonly requestBytes: number;
  readonly responseBytes: number;
  /** `performance.now()` when it came. */
  readonly since: number;
  /** Who knew the answer, as CoreDNS calls it. */
  readonly plugin: 'kubernetes' | 'forward';
}

export interface ForwardMetrics {
  /** A question about somebody else's name, and whether the answer was remembered. */
  cached(hit: 'success' | 'denial' | 'miss'): void;
  exchanged(server: string, rcode: number, seconds: number): void;
  rejected(): void;
  entries(count: () => number): void;
}

export interface DnsMetrics extends ForwardMetrics {
  answered(answered: Answered): void;
  /** A pod's search list was walked to a name that is there. */
  searched(): void;
  text(): string;
}

const rcodeNames = new Map(Object.entries(rcodes).map(([name, code]) => [code as number, name]));
const typeNames = new Map(Object.entries(types).map(([name, code]) => [code as number, name]));
const rcodeName = (code: number): string => rcodeNames.get(code) ?? String(code);

const secondsBounds = Array.from({ length: 16 }, (_, index) => 0.00025 * 2 ** index);
const bytesBounds = [0, 100, 200, 300, 400, 511, 1023, 2047, 4095, 8291, 16_000, 32_000, 48_000, 64_000];
const common = { server: 'dns://:53', zone: '.', view: '' };
const cacheLabels = { server: 'dns://:53', zones: '.', view: '' };

class CoreDnsMetrics implements DnsMetrics {
  readonly #requests = new Counts();
  readonly #responses = new Counts();
  readonly #seconds = new Histogram(secondsBounds);
  readonly #requestBytes = { udp: new Histogram(bytesBounds), tcp: new Histogram(bytesBounds) };
  readonly #responseBytes = { udp: new Histogram(bytesBounds), tcp: new Histogram(bytesBounds) };
  readonly #exchanges = new Map<string, { readonly labels: Record<string, string>; readonly seconds: Histogram }>();
  readonly #cached = { success: 0, denial: 0, miss: 0 };
  #entries: () => number = () => 0;
  #rejected = 0;
  #searched = 0;

  answered({ transport, client, type, rcode, requestBytes, responseBytes, since, plugin }: Answered): void {
    const family = client.includes(':') && !client.startsWith('::ffff:') ? 2 : 1;
    const known = typeNames.get(type);
    this.#requests.add((known === undefined ? 0 : type * 8) + family * 2 + Number(transport === 'tcp'), () => {
      return { proto: transport, family: `${family}`, type: known ?? 'other' };
    });
    this.#responses.add(rcode * 2 + Number(plugin === 'forward'), () => ({ rcode: rcodeName(rcode), plugin }));
    this.#requestBytes[transport].observe(requestBytes);
    this.#responseBytes[transport].observe(responseBytes);
    this.#seconds.observe((performance.now() - since) / 1000);
  }

  cached(hit: 'success' | 'denial' | 'miss'): void {
    this.#cached[hit] += 1;
  }

  exchanged(server: string, code: number, seconds: number): void {
    const key = `${server} ${code}`;
    const known = this.#exchanges.get(key);
    const of = known ?? {
      labels: { proxy_name: 'forward', to: server, rcode: rcodeName(code) },
      seconds: new Histogram(secondsBounds),
    };
    if (known === undefined) this.#exchanges.set(key, of);
    of.seconds.observe(seconds);
  }

  rejected(): void {
    this.#rejected += 1;
  }

  entries(count: () => number): void {
    this.#entries = count;
  }

  searched(): void {
    this.#searched += 1;
  }

  text(): string {
    return [...this.#ofQueries(), ...this.#ofForwarding(), ...ofProcess()].join('');
  }

  #ofQueries(): string[] {
    const bytes = (name: string, of: Record<Transport, Histogram>): string[] =>
      (['udp', 'tcp'] as const).flatMap((proto) => of[proto].samples(name, { ...common, proto }));
    const [requests, responses, seconds] = [
      'coredns_dns_requests_total',
      'coredns_dns_responses_total',
      'coredns_dns_request_duration_seconds',
    ];
    const [asked, answered] = ['coredns_dns_request_size_bytes', 'coredns_dns_response_size_bytes'];
    return [
      metric(requests, 'counter', 'Queries by transport, family and type.', this.#requests.samples(requests, common)),
      metric(responses, 'counter', 'Answers by response code.', this.#responses.samples(responses, common)),
      metric(seconds, 'histogram', 'From the query to its answer.', this.#seconds.samples(seconds, common)),
      metric(asked, 'histogram', 'Bytes of queries.', bytes(asked, this.#requestBytes)),
      metric(answered, 'histogram', 'Bytes of answers.', bytes(answered, this.#responseBytes)),
    ];
  }

  #ofForwarding(): string[] {
    const { success, denial, miss } = this.#cached;
    const one = (name: string, kind: 'counter' | 'gauge', help: string, value: number, labels = {}): string =>
      metric(name, kind, help, [sample(name, labels, value)]);
    const hits = 'coredns_cache_hits_total';
    const exchanges = 'coredns_proxy_request_duration_seconds';
    return [
      one('coredns_cache_entries', 'gauge', 'Answers of others that are kept.', this.#entries(), {
        ...cacheLabels,
        type: 'success',
      }),
      metric(hits, 'counter', 'Questions that others had answered before.', [
        sample(hits, { ...cacheLabels, type: 'success' }, success),
        sample(hits, { ...cacheLabels, type: 'denial' }, denial),
      ]),
      one('coredns_cache_misses_total', 'counter', 'Questions that others were asked.', miss, cacheLabels),
      one('coredns_cache_requests_total', 'counter', 'Both.', success + denial + miss, cacheLabels),
      metric(
        exchanges,
        'histogram',
        'How long each other server took.',
        [...this.#exchanges.values()].flatMap(({ labels, seconds }) => seconds.samples(exchanges, labels)),
      ),
      one('coredns_forward_max_concurrent_rejects_total', 'counter', 'Too many under way.', this.#rejected),
      one('coredns_autopath_success_total', 'counter', 'Search lists walked to a name.', this.#searched, {
        server: common.server,
      }),
      one('coredns_panics_total', 'counter', 'None: what is not caught ends the process.', 0),
    ];
  }
}

function ofProcess(): string[] {
  const { user, system } = process.cpuUsage();
  const one = (name: string, kind: 'counter' | 'gauge', help: string, value: number): string =>
    metric(name, kind, help, [sample(name, {}, value)]);
  const startedAt = Date.now() / 1000 - process.uptime();
  return [
    one('process_cpu_seconds_total', 'counter', 'CPU of user and system.', (user + system) / 1e6),
    one('process_resident_memory_bytes', 'gauge', 'Memory in use.', process.memoryUsage.rss()),
    one('process_start_time_seconds', 'gauge', 'When it began, since 1970.', startedAt),
  ];
}

export function createDnsMetrics(): DnsMetrics {
  return new CoreDnsMetrics();
}
