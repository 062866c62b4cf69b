/** Which address each Service of type LoadBalancer has: no two Services the same. Pure memory. */
import { contains, formatCIDR, nthAddress, parseCIDR, sizeOf, type Cidr, type Family } from '../../api/addresses.ts';

/** Of a larger prefix only so many are given. */
const most = 65_536n;

export class AddressPool {
  readonly #cidr: Cidr;
  /** The first and the last stay free: some networks take them for themselves. Very small prefixes give all. */
  readonly #edge: bigint;
  readonly #size: bigint;
  /** Address → Service. */
  readonly #taken = new Map<string, string>();
  /** Where the next search begins: an address just given back rests as long as others are free. */
  #next = 0n;

  /** Throws for what is no prefix. */
  constructor(cidr: string) {
    this.#cidr = parseCIDR(cidr);
    const all = sizeOf(this.#cidr);
    this.#edge = all > 2n ? 1n : 0n;
    const usable = all - 2n * this.#edge;
    this.#size = usable > most ? most : usable;
  }

  get family(): Family {
    return this.#cidr.family;
  }

  get text(): string {
    return formatCIDR(this.#cidr);
  }

  contains(address: string): boolean {
    return contains(this.#cidr, address);
  }

  /** The Service that has it. */
  holderOf(address: string): string | undefined {
    return this.#taken.get(address);
  }

  /** False when another Service has it, or it is not of this prefix. */
  occupy(address: string, service: string): boolean {
    const holder = this.#taken.get(address);
    if (!this.contains(address) || (holder !== undefined && holder !== service)) return false;
    this.#taken.set(address, service);
    return true;
  }

  /** The one that the Service has here already, or a free one; undefined when there is none left. */
  take(service: string): string | undefined {
    for (const [address, holder] of this.#taken) if (holder === service) return address;
    for (let tries = 0n; tries < this.#size; tries += 1n) {
      const address = nthAddress(this.#cidr, this.#edge + this.#next);
      this.#next = (this.#next + 1n) % this.#size;
      if (this.#taken.has(address)) continue;
      this.#taken.set(address, service);
      return address;
    }
    return undefined;
  }

  /** Everything the Service had is free again, but for what it keeps. True when that was something. */
  release(service: string, kept: readonly string[] = []): boolean {
    const given = [...this.#taken].filter(([address, holder]) => holder === service && !kept.includes(address));
    for (const [address] of given) this.#taken.delete(address);
    return given.length > 0;
  }
}
