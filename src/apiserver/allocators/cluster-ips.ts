/** Cluster addresses of Services, from one prefix. */
import { type Family, formatCIDR, nthAddress, offsetOf, parseCIDR, sizeOf } from '../../api/addresses.ts';
import { createNumberPool, staticBandOf } from './number-pool.ts';

/** Addresses of one family. The network's own address is never given, and in IPv4 neither is the broadcast address. */
export interface ClusterIpPool {
  readonly family: Family;
  /** Takes this address. Answers with the reason if it cannot be had. */
  take(address: string): string | undefined;
  /** Undefined when all are taken. */
  takeAny(): string | undefined;
  /** Gives it back; one that is not of this pool is ignored. */
  give(address: string): void;
  has(address: string): boolean;
  clear(): void;
  /** Why `take` would refuse, without taking: for a dry run only the range counts. */
  outOfRange(address: string): string | undefined;
  /** What a dry run shows in place of an address. */
  readonly example: string;
}

/** A larger prefix than this is used only up to here when any address will do. */
const MOST = 65_536;

export function createClusterIpPool(serviceCIDR: string, random?: (below: number) => number): ClusterIpPool {
  const cidr = parseCIDR(serviceCIDR);
  const usable = sizeOf(cidr) - (cidr.family === 4 ? 2n : 1n);
  const size = Number(usable > BigInt(MOST) ? MOST : usable > 0n ? usable : 0n);
  const total = Number(sizeOf(cidr) > BigInt(MOST) ? MOST : sizeOf(cidr));
  const pool = createNumberPool({ size, staticBand: staticBandOf(total, 16, 256), ...(random && { random }) });

  /** The place of an address that may be given, from 0 for the first. */
  function placeOf(address: string): number | undefined {
    const offset = offsetOf(cidr, address);
    return offset === undefined || offset < 1n || offset > usable ? undefined : Number(offset - 1n);
  }
  const outOfRange = (address: string): string | undefined =>
    placeOf(address) === undefined
      ? `the provided IP (${address}) is not in the valid range. The range of valid IPs is ${formatCIDR(cidr)}`
      : undefined;

  return {
    family: cidr.family,
    example: nthAddress(cidr, 0),
    outOfRange,
    take(address) {
      const place = placeOf(address);
      if (place === undefined) return outOfRange(address);
      return pool.take(place) ? undefined : 'provided IP is already allocated';
    },
    takeAny() {
      const place = pool.takeAny();
      return place === undefined ? undefined : nthAddress(cidr, place + 1);
    },
    give(address) {
      const place = placeOf(address);
      if (place !== undefined) pool.give(place);
    },
    has(address) {
      const place = placeOf(address);
      return place !== undefined && pool.has(place);
    },
    clear: () => {
      pool.clear();
    },
  };
}
