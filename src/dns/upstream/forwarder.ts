/** Questions that others answer: which servers, one after the other, what was heard before, and the same question only once at a time. */
import type { ForwardMetrics } from '../metrics/dns-metrics.ts';
import { rcodes, type DnsName, type Query } from '../wire/types.ts';
import { createAnswerCache } from './answer-cache.ts';
import { exchange, type UpstreamServer } from './exchange.ts';
import { createPlainFallback } from './plain-fallback.ts';

export interface ForwarderOptions {
  /** Tried in order; one that failed lately comes last. */
  readonly servers: readonly UpstreamServer[];
  /** Domains that other servers answer, the longest that fits first. */
  readonly stubDomains: ReadonlyMap<DnsName, readonly UpstreamServer[]>;
  readonly metrics: ForwardMetrics;
  /** For tests. */
  readonly exchange?: typeof exchange;
}

export interface Forwarder {
  /** The answer as bytes, with the query's ID and its own spelling; undefined when nobody is asked about that name. Rejects when none of the servers answered. */
  forward(query: Query): Promise<Buffer | undefined>;
}

/** In place: its ID, and the question letter by letter as it came (some askers check that). */
function asAsked(message: Buffer, { id, rawQuestion }: Query): Buffer {
  message.writeUInt16BE(id, 0);
  rawQuestion.copy(message, 12);
  return message;
}

const rcodeOf = (message: Buffer): number => (message[3] ?? 0) & 0xf;
const textOf = ({ address, port }: UpstreamServer): string =>
  address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;

const capacity = 10_000;
/** Questions under way at once; above that they fail at once. */
const maxWaiting = 2_000;
/** How long a server that did not answer is asked last. */
const shunMs = 10_000;

const counted =
  (ask: typeof exchange, metrics: ForwardMetrics): typeof exchange =>
  async (server, message) => {
    const started = performance.now();
    const answer = await ask(server, message);
    metrics.exchanged(textOf(server), rcodeOf(answer), (performance.now() - started) / 1000);
    return answer;
  };

export function createForwarder(options: ForwarderOptions): Forwarder {
  const cache = createAnswerCache(capacity);
  const { metrics } = options;
  metrics.entries(() => cache.size);
  const waiting = new Map<string, Promise<Buffer>>();
  const failedAt = new Map<UpstreamServer, number>();
  const ask = createPlainFallback(counted(options.exchange ?? exchange, metrics));
  const stubs = [...options.stubDomains].sort(([a], [b]) => b.length - a.length);

  const serversFor = (name: DnsName): readonly UpstreamServer[] => {
    const stub = stubs.find(([domain]) => name === domain || name.endsWith(`.${domain}`));
    const servers = stub?.[1] ?? options.servers;
    const isShunned = (server: UpstreamServer): boolean => Date.now() - (failedAt.get(server) ?? 0) < shunMs;
    return servers.toSorted((a, b) => Number(isShunned(a)) - Number(isShunned(b)));
  };
  const askAll = async (servers: readonly UpstreamServer[], query: Query): Promise<Buffer> => {
    let failure: unknown;
    for (const server of servers) {
      try {
        const answer = await ask(server, query);
        failedAt.delete(server);
        return answer;
      } catch (error) {
        failedAt.set(server, Date.now());
        failure = error;
      }
    }
    throw failure;
  };
  return {
    forward: async (query) => {
      const { name, type, class: ofClass } = query.question;
      const servers = serversFor(name);
      if (servers.length === 0) return undefined;
      const key = `${name} ${type} ${ofClass} ${query.edns === undefined ? '' : Number(query.edns.dnssecOk)}`;
      const kept = cache.get(key, query.id);
      if (kept !== undefined) {
        metrics.cached(rcodeOf(kept) === rcodes.NOERROR ? 'success' : 'denial');
        return asAsked(kept, query);
      }
      metrics.cached('miss');
      let answer = waiting.get(key);
      if (answer === undefined) {
        if (waiting.size >= maxWaiting) {
          metrics.rejected();
          throw new Error('too many questions are under way');
        }
        answer = askAll(servers, query).finally(() => waiting.delete(key));
        waiting.set(key, answer);
      }
      const heard = await answer;
      cache.put(key, heard);
      return asAsked(Buffer.from(heard), query);
    },
  };
}
