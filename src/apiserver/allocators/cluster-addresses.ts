/**
 * All addresses that Services may have: the ranges the server was started with, which are always open, and those of
 * ServiceCIDR objects, which come and go (KEP-1880). Ranges may overlap: what is taken is taken in all of them.
 */
import { formatIP, parseIP, type Family } from '../../api/addresses.ts';
import { createClusterIpPool, type ClusterIpPool } from './cluster-ips.ts';

export interface ClusterAddresses {
  /** The first is the cluster's default. */
  readonly families: readonly Family[];
  /** Opens exactly these ranges beside those of the start. What a closed one gave stays taken. */
  follow(cidrs: readonly string[]): void;
  /** Takes this address. Answers with the reason if it cannot be had. */
  take(address: string): string | undefined;
  /** Notes it as taken, in a range or not: a stored Service has it. */
  hold(address: string): void;
  /** One that `isReserved` does not know; undefined when there is none. */
  takeAny(family: Family, isReserved?: (address: string) => boolean): string | undefined;
  /** Gives it back; one that is not taken is ignored. */
  give(address: string): void;
  has(address: string): boolean;
  clear(): void;
  /** Why `take` would refuse, whoever holds it: for a dry run. */
  outOfRange(address: string): string | undefined;
  /** What a dry run shows in place of an address. */
  example(family: Family): string;
}

const canonical = (address: string): string => {
  const parsed = parseIP(address);
  return parsed === undefined ? address : formatIP(parsed);
};

class Ranges implements ClusterAddresses {
  readonly families: readonly Family[];
  readonly #own: readonly ClusterIpPool[];
  readonly #random: ((below: number) => number) | undefined;
  readonly #taken = new Set<string>();
  #others: ReadonlyMap<string, ClusterIpPool> = new Map();

  constructor(cidrs: readonly string[], random: ((below: number) => number) | undefined) {
    this.#random = random;
    this.#own = cidrs.map((cidr) => createClusterIpPool(cidr, random));
    this.families = this.#own.map(({ family }) => family);
  }

  follow(cidrs: readonly string[]): void {
    const same = cidrs.length === this.#others.size && cidrs.every((cidr) => this.#others.has(cidr));
    if (!same) this.#others = new Map(cidrs.map((cidr) => [cidr, this.#others.get(cidr) ?? this.#filled(cidr)]));
  }

  take(address: string): string | undefined {
    const refusal = this.outOfRange(address);
    if (refusal !== undefined) return refusal;
    if (this.has(address)) return 'provided IP is already allocated';
    this.hold(address);
    return undefined;
  }

  hold(address: string): void {
    this.#taken.add(canonical(address));
    for (const pool of this.#all) pool.take(address);
  }

  takeAny(family: Family, isReserved: (address: string) => boolean = () => false): string | undefined {
    for (const pool of this.#all.filter((each) => each.family === family)) {
      const passed: string[] = [];
      let address = pool.takeAny();
      for (; address !== undefined && isReserved(address); address = pool.takeAny()) passed.push(address);
      for (const each of passed) pool.give(each);
      if (address === undefined) continue;
      this.hold(address);
      return address;
    }
    return undefined;
  }

  give(address: string): void {
    this.#taken.delete(canonical(address));
    for (const pool of this.#all) pool.give(address);
  }

  has(address: string): boolean {
    return this.#taken.has(canonical(address));
  }

  clear(): void {
    this.#taken.clear();
    for (const pool of this.#all) pool.clear();
  }

  outOfRange(address: string): string | undefined {
    const refusals = this.#all.map((pool) => pool.outOfRange(address));
    return refusals.includes(undefined) ? undefined : refusals[0];
  }

  example(family: Family): string {
    return this.#own.find((pool) => pool.family === family)?.example ?? '';
  }

  get #all(): readonly ClusterIpPool[] {
    return [...this.#own, ...this.#others.values()];
  }

  #filled(cidr: string): ClusterIpPool {
    const pool = createClusterIpPool(cidr, this.#random);
    for (const address of this.#taken) pool.take(address);
    return pool;
  }
}

/** Throws when a prefix is malformed. */
export function createClusterAddresses(cidrs: readonly string[], random?: (below: number) => number): ClusterAddresses {
  return new Ranges(cidrs, random);
}
