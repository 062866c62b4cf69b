/** Which pod CIDR each node has: no two nodes the same. Pure memory. */
import {
  formatCIDR,
  nthSubnet,
  overlaps,
  parseCIDR,
  subnetCount,
  tryParseCIDR,
  type Cidr,
} from '../../api/addresses.ts';

export class CidrPool {
  readonly #cluster: Cidr;
  readonly #maskSize: number;
  readonly #size: number;
  /** Subnet (as text) → node. */
  readonly #taken = new Map<string, string>();
  /** Where the next search begins: a CIDR just given back rests as long as others are free. */
  #next = 0;

  /** Throws when `clusterCIDR` is none, or smaller than one node's part. */
  constructor(clusterCIDR: string, maskSize: number) {
    this.#cluster = parseCIDR(clusterCIDR);
    this.#maskSize = maskSize;
    this.#size = subnetCount(this.#cluster, maskSize);
  }

  /** A node says it has this one. False when another node has it already. */
  occupy(cidr: string, node: string): boolean {
    const parsed = tryParseCIDR(cidr);
    if (parsed === undefined || !overlaps(parsed, this.#cluster)) return true;
    const key = formatCIDR(parsed);
    const holder = this.#taken.get(key);
    if (holder !== undefined) return holder === node;
    this.#taken.set(key, node);
    return true;
  }

  /** The one the node has here already, or a free one; undefined when there is none left. */
  take(node: string): string | undefined {
    for (const [cidr, holder] of this.#taken) if (holder === node) return cidr;
    for (let tries = 0; tries < this.#size; tries += 1) {
      const cidr = formatCIDR(nthSubnet(this.#cluster, this.#maskSize, this.#next));
      this.#next = (this.#next + 1) % this.#size;
      if (this.#taken.has(cidr)) continue;
      this.#taken.set(cidr, node);
      return cidr;
    }
    return undefined;
  }

  /** Everything the node had is free again. */
  release(node: string): boolean {
    const before = this.#taken.size;
    for (const [cidr, holder] of this.#taken) if (holder === node) this.#taken.delete(cidr);
    return this.#taken.size < before;
  }
}
