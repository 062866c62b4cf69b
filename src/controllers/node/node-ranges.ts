/** One pod CIDR of each family for every node: all of them or none. Pure memory. */
import { CidrPool } from './cidr-pool.ts';

/** A range of pod addresses; each node gets a part of `nodeMaskSize` bits. */
export interface PodRange {
  readonly cidr: string;
  readonly nodeMaskSize: number;
}

export class NodeRanges {
  readonly #pools: readonly CidrPool[];

  /** The first range is the cluster's default family. Throws for what is no range, or smaller than one node's part. */
  constructor(ranges: readonly PodRange[]) {
    this.#pools = ranges.map(({ cidr, nodeMaskSize }) => new CidrPool(cidr, nodeMaskSize));
  }

  /** A node says it has these. Those that another node has already come back. */
  occupy(cidrs: readonly string[], node: string): readonly string[] {
    return cidrs.filter((cidr) => !this.#pools.every((pool) => pool.occupy(cidr, node)));
  }

  /** What the node has here already, or free ones; undefined when one family has none left. */
  take(node: string): readonly string[] | undefined {
    const taken = this.#pools.map((pool) => pool.take(node));
    const found = taken.filter((cidr) => cidr !== undefined);
    if (found.length === taken.length) return found;
    this.release(node);
    return undefined;
  }

  /** Everything the node had is free again. */
  release(node: string): boolean {
    return this.#pools.map((pool) => pool.release(node)).includes(true);
  }
}
