/** Pod addresses of one node: given out in turn, so that an address that came back rests as long as possible. */
import { contains, formatCIDR, nthAddress, offsetOf, parseCIDR, sizeOf, type Cidr } from '../api/addresses.ts';

export class NoAddressLeftError extends Error {
  override readonly name = 'NoAddressLeftError';
}

/** The first address after the network's own: the bridge has it. */
export function gatewayOf(cidr: Cidr): string {
  return nthAddress(cidr, 1);
}

export interface AddressPool {
  readonly cidr: Cidr;
  /** Throws {@link NoAddressLeftError}. */
  allocate(): string;
  /** Idempotent. */
  release(ip: string): void;
  readonly used: number;
}

/** Network, gateway and broadcast address are never given out; nor is what stands in `inUse`. */
export function createAddressPool(podCIDR: string, inUse: readonly string[]): AddressPool {
  const cidr = parseCIDR(podCIDR);
  const taken = new Set(inUse.filter((ip) => contains(cidr, ip)));
  const first = 2n;
  const last = sizeOf(cidr) - 2n;
  const highest = [...taken].map((ip) => offsetOf(cidr, ip) ?? 0n).reduce((a, b) => (a > b ? a : b), first - 1n);
  let next = highest + 1n;
  return {
    cidr,
    get used() {
      return taken.size;
    },
    allocate: () => {
      for (let tried = first; tried <= last; tried += 1n) {
        if (next > last) next = first;
        const ip = nthAddress(cidr, next);
        next += 1n;
        if (taken.has(ip)) continue;
        taken.add(ip);
        return ip;
      }
      throw new NoAddressLeftError(`no pod address left in ${formatCIDR(cidr)}: ${taken.size} in use`);
    },
    release: (ip) => void taken.delete(ip),
  };
}
