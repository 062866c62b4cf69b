/** From a query to an answer: the cluster's own zone, its addresses, the search list, and everybody else's names. */
import type { DnsMetrics } from './metrics/dns-metrics.ts';
import type { Forwarder } from './upstream/forwarder.ts';
import { readAddressRecords } from './wire/read-records.ts';
import { readResponse } from './wire/read-response.ts';
import { classIN, rcodes, types, type Answer, type DnsName, type Query, type ResourceRecord } from './wire/types.ts';
import { writeQuestion } from './wire/write-query.ts';
import { serviceNamedBy } from './zone/lookup.ts';
import type { Alias, Zone } from './zone/zone.ts';

export interface ResolverOptions {
  readonly zone: Zone;
  readonly forwarder: Forwarder;
  readonly metrics: Pick<DnsMetrics, 'searched'>;
  /** The namespace of the pod with this address, whose search list is known then; undefined for anybody else. */
  readonly namespaceOf: (ip: string) => string | undefined;
}

/**
 * `local`: from the objects as they are now. `forAll`: whoever asks the same hears the same until they change, or only `service`
 * (`namespace/name`) when it is there.
 */
export type Resolution =
  | { readonly kind: 'local'; readonly answer: Answer; readonly forAll: boolean; readonly service?: string | undefined }
  | { readonly kind: 'later'; readonly answer: Promise<Answer | Buffer> };

export interface Resolver {
  resolve(query: Query, client: string): Resolution;
}

const empty = { answers: [], authority: [], additional: [] } as const;
const failure = (rcode: number): Answer => ({ rcode, authoritative: false, ...empty });
const local = (answer: Answer, forAll = true, service?: string): Resolution => ({
  kind: 'local',
  answer,
  forAll,
  service,
});
const isAddressType = (type: number): boolean => type === types.A || type === types.AAAA;

class ClusterResolver implements Resolver {
  readonly #options: ResolverOptions;

  constructor(options: ResolverOptions) {
    this.#options = options;
  }

  resolve(query: Query, client: string): Resolution {
    const { zone } = this.#options;
    const { question, edns, opcode } = query;
    if (edns !== undefined && edns.version > 0) return local(failure(rcodes.BADVERS));
    if (opcode !== 0) return local(failure(rcodes.NOTIMP));
    if (question.class !== classIN) return local(failure(rcodes.REFUSED));
    const relative = zone.relative(question.name);
    if (relative !== undefined) return this.#resolveOwn(query, relative, client);
    const reverse = zone.answerAddress(question);
    return reverse === undefined ? { kind: 'later', answer: this.#forward(query) } : local(reverse);
  }

  #resolveOwn(query: Query, relative: string, client: string): Resolution {
    const found = this.#options.zone.answer(query.question, relative);
    if ('target' in found) return { kind: 'later', answer: this.#chase(query, found) };
    const service = serviceNamedBy(relative);
    if (found.rcode === rcodes.NOERROR || !isAddressType(query.question.type)) return local(found, true, service);
    const name = this.#searchedFor(relative, client);
    return name === undefined
      ? local(found, false)
      : { kind: 'later', answer: this.#walkSearchList(query, name, found) };
  }

  /** What was asked for before the first entry of the asker's search list was put behind it. */
  #searchedFor(relative: string, client: string): DnsName | undefined {
    const match = /^(.+)\.([^.]+)\.svc$/.exec(relative);
    return match !== null && this.#options.namespaceOf(client) === match[2] ? match[1] : undefined;
  }

  async #forward(query: Query): Promise<Answer | Buffer> {
    try {
      return (await this.#options.forwarder.forward(query)) ?? failure(rcodes.REFUSED);
    } catch {
      return failure(rcodes.SERVFAIL);
    }
  }

  /** An alias is sent with what it leads to: an asker that resolves nothing itself has no other way. */
  async #chase(query: Query, { answer, target }: Alias): Promise<Answer> {
    if (!isAddressType(query.question.type)) return answer;
    try {
      return { ...answer, answers: [...answer.answers, ...((await this.#addressesOf(query, target)) ?? [])] };
    } catch {
      return failure(rcodes.SERVFAIL);
    }
  }

  /**
   * `example.org.NAMESPACE.svc.ZONE` is what a pod's resolver asks first for `example.org` (ndots:5). It would come again three
   * times: the whole list is walked here, and the answer says by a CNAME which name it is about. A name without a dot is not asked of others.
   * While the cluster is not known well enough, others are asked all the same: there are resolvers (musl) that end their list at a failure.
   */
  async #walkSearchList(query: Query, name: DnsName, negative: Answer): Promise<Answer> {
    const { zone } = this.#options.zone;
    for (const target of [`${name}.svc.${zone}`, `${name}.${zone}`, ...(name.includes('.') ? [name] : [])]) {
      // Nobody knows of that one: then the asker is told only what is known for certain, and asks for it itself in the end.
      const records = await this.#addressesOf(query, target).catch(() => undefined);
      if (records === undefined) continue;
      if (records.length === 0) return { ...negative, rcode: rcodes.NOERROR };
      this.#options.metrics.searched();
      const data = { type: types.CNAME, target } as const;
      const alias = { name: query.question.name, ttl: records[0]?.ttl ?? 0, data };
      return { rcode: rcodes.NOERROR, authoritative: false, ...empty, answers: [alias, ...records] };
    }
    return negative;
  }

  /** Records of anybody's name; undefined: there is no such name. Rejects when nobody knows. */
  async #addressesOf(query: Query, name: DnsName, depth = 0): Promise<readonly ResourceRecord[] | undefined> {
    const { zone } = this.#options;
    const relative = zone.relative(name);
    if (relative === undefined) return this.#foreignAddresses(query, name);
    const found = zone.answer({ ...query.question, name }, relative);
    if (!('target' in found)) {
      if (found.rcode === rcodes.SERVFAIL) throw new Error('the cluster is not known well enough');
      return found.rcode === rcodes.NXDOMAIN ? undefined : found.answers;
    }
    if (depth === maxAliases) throw new Error('aliases lead on and on');
    return [...found.answer.answers, ...((await this.#addressesOf(query, found.target, depth + 1)) ?? [])];
  }

  async #foreignAddresses(query: Query, name: DnsName): Promise<readonly ResourceRecord[] | undefined> {
    const question = { ...query.question, name };
    const rawQuestion = writeQuestion(name, question.type, question.class);
    const message = await this.#options.forwarder.forward({ ...query, question, rawQuestion });
    if (message === undefined) return undefined;
    const rcode = readResponse(message)?.rcode;
    if (rcode === rcodes.NXDOMAIN) return undefined;
    const records = rcode === rcodes.NOERROR ? readAddressRecords(message) : undefined;
    if (records === undefined) throw new Error('no answer');
    return records;
  }
}

/** Aliases that lead to aliases of this cluster, one after the other. */
const maxAliases = 8;

/** Never rejects: what goes wrong is a SERVFAIL. */
export function createResolver(options: ResolverOptions): Resolver {
  return new ClusterResolver(options);
}
