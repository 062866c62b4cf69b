/** Pod addresses of one node and family: given out in turn, so that an address that came back rests as long as possible. */
import { contains, formatCIDR, nthAddress, offsetOf, parseCIDR, sizeOf, type Cidr } from '../api/addresses.ts';

export class NoAddressLeftError extends Error {
  override readonly name = 'NoAddressLeftError';
}

/** The first address after the network's own: the bridge has it. */
export function gatewayOf(cidr: Cidr): string {
  return nthAddress(cidr, 1);
}

/** Only remembers where it was: who has an address is known to the pods themselves, so nothing can be lost or doubled here. */
export interface AddressPool {
  readonly cidr: Cidr;
  /** The next address that nobody has. It stays free until it is in `taken`. Throws {@link NoAddressLeftError}. */
  next(taken: ReadonlySet<string>): string;
}

/** Network, gateway and last address are never given out. It goes on behind the highest of `inUse`. */
export function createAddressPool(podCIDR: string, inUse: readonly string[]): AddressPool {
  const cidr = parseCIDR(podCIDR);
  const first = 2n;
  const last = sizeOf(cidr) - 2n;
  const highest = inUse.map((ip) => offsetOf(cidr, ip) ?? 0n).reduce((a, b) => (a > b ? a : b), first - 1n);
  let cursor = highest + 1n;
  return {
    cidr,
    next: (taken) => {
      for (let tried = first; tried <= last; tried += 1n) {
        if (cursor > last) cursor = first;
        const ip = nthAddress(cidr, cursor);
        cursor += 1n;
        if (!taken.has(ip)) return ip;
      }
      const used = [...taken].filter((ip) => contains(cidr, ip)).length;
      throw new NoAddressLeftError(`no pod address left in ${formatCIDR(cidr)}: ${used} in use`);
    },
  };
}
