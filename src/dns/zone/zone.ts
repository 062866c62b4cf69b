/** Answers for the names that this cluster is the authority of. Pure. */
import { contains, type Cidr } from '../../api/addresses.ts';
import type { Question } from '../wire/types.ts';
import { rcodes, types, type Answer, type DnsName, type RecordData, type ResourceRecord } from '../wire/types.ts';
import type { ClusterObjects } from './cluster-objects.ts';
import { lookUp, lookUpAddress, type Records } from './lookup.ts';
import { addressOfReverseName, reverseZoneOf } from './reverse-name.ts';

export interface ZoneOptions {
  /** `cluster.local` */
  readonly zone: DnsName;
  readonly objects: ClusterObjects;
  /** Ranges of this cluster's pods and Services: nobody else is asked about an address of them. */
  readonly reverseCIDRs?: readonly Cidr[];
  /** Seconds that an answer may be kept. */
  readonly ttl: number;
  /** Whether what is not known is known not to be there: false while the API server cannot be reached. */
  isCurrent(): boolean;
  /** Grows with every change of the objects. */
  serial(): number;
}

/** A name that leads to another one: an ExternalName. */
export interface Alias {
  readonly answer: Answer;
  readonly target: DnsName;
}

export interface Zone {
  readonly zone: DnsName;
  /** The part of a name before the zone; undefined for a name of somebody else's. */
  relative(name: DnsName): string | undefined;
  answer(question: Question, relative: string): Answer | Alias;
  /** PTR; undefined when the address is not of this cluster. */
  answerAddress(question: Question): Answer | undefined;
}

/** Address records that a resolver would ask for next are sent along. */
const maxAdditional = 32;

const noError = { rcode: rcodes.NOERROR, authoritative: true, answers: [], authority: [], additional: [] } as const;

function relativeTo(zone: DnsName, name: DnsName): string | undefined {
  if (name === zone) return '';
  return name.endsWith(`.${zone}`) ? name.slice(0, -zone.length - 1) : undefined;
}

class ObjectZone implements Zone {
  readonly zone: DnsName;
  readonly #options: ZoneOptions;

  constructor(options: ZoneOptions) {
    this.zone = options.zone;
    this.#options = options;
  }

  relative(name: DnsName): string | undefined {
    return relativeTo(this.zone, name);
  }

  answer(question: Question, relative: string): Answer | Alias {
    const { name, type } = question;
    if (relative === '' && (type === types.SOA || type === types.ANY)) return { ...noError, answers: [this.#soa()] };
    const records = this.#find(relative);
    if (records === 'never') return this.#negative(rcodes.NXDOMAIN);
    if (records === undefined) return this.#noSuchName();
    const alias = records.find((one) => one.type === types.CNAME);
    if (alias?.type === types.CNAME && type !== types.CNAME)
      return { answer: { ...noError, answers: [this.#record(name, alias)] }, target: alias.target };
    const matching = records.filter((one) => one.type === type || type === types.ANY);
    if (matching.length === 0) return this.#negative(rcodes.NOERROR);
    const answers = matching.map((data) => this.#record(name, data));
    return { ...noError, answers, additional: this.#additional(matching) };
  }

  answerAddress({ name, type }: Question): Answer | undefined {
    const ip = addressOfReverseName(name);
    if (ip === undefined) return undefined;
    const names = lookUpAddress(ip, this.#options.objects, this.zone);
    if (names.length === 0) {
      const range = this.#options.reverseCIDRs?.find((one) => contains(one, ip));
      return range && this.#noSuchName(reverseZoneOf(range));
    }
    if (type !== types.PTR && type !== types.ANY) return this.#negative(rcodes.NOERROR);
    return { ...noError, answers: names.map((target) => this.#record(name, { type: types.PTR, target })) };
  }

  #recordsOf(name: DnsName): readonly RecordData[] {
    const relative = this.relative(name);
    const records = relative === undefined ? undefined : this.#find(relative);
    return records === undefined || records === 'never' ? [] : records;
  }

  #find(relative: string): Records {
    return lookUp(relative, this.#options.objects, this.zone);
  }

  #record(name: DnsName, data: RecordData): ResourceRecord {
    return { name, ttl: this.#options.ttl, data };
  }

  #soa(zone = this.zone): ResourceRecord {
    const [serial, minimum] = [this.#options.serial(), this.#options.ttl];
    const [primary, mailbox] = [`ns.dns.${this.zone}`, `hostmaster.${this.zone}`];
    return this.#record(zone, { type: types.SOA, primary, mailbox, serial, minimum });
  }

  #negative(rcode: number, zone?: DnsName): Answer {
    return { ...noError, rcode, authority: [this.#soa(zone)] };
  }

  /** Never a "there is none" from ignorance: a resolver that hears that gives up, one that hears of a failure tries again. */
  #noSuchName(zone?: DnsName): Answer {
    return this.#options.isCurrent() ? this.#negative(rcodes.NXDOMAIN, zone) : { ...noError, rcode: rcodes.SERVFAIL };
  }

  #additional(records: readonly RecordData[]): ResourceRecord[] {
    const targets = new Set(records.flatMap((one) => (one.type === types.SRV ? [one.target] : [])));
    return [...targets].slice(0, maxAdditional).flatMap((target) =>
      this.#recordsOf(target)
        .filter(({ type }) => type === types.A || type === types.AAAA)
        .map((data) => this.#record(target, data)),
    );
  }
}

/** Reads the objects anew for each question: an answer is never older than they are. */
export function createZone(options: ZoneOptions): Zone {
  return new ObjectZone(options);
}
