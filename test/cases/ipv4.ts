/** The IPv4 half of the world of the cases, for tests of one family. */
import { addressesOf, clusterCIDRs, gatewaysOf, podCIDRsOf, type NodeName, type Party } from './world.ts';

const half = <T extends string>(both: Readonly<Record<T, { readonly ipv4: string }>>): Readonly<Record<T, string>> =>
  Object.fromEntries(Object.entries<{ readonly ipv4: string }>(both).map(([name, { ipv4 }]) => [name, ipv4])) as Record<
    T,
    string
  >;

export const addresses: Readonly<Record<Party, string>> = half(addressesOf);
export const podCIDRs: Readonly<Record<NodeName, string>> = half(podCIDRsOf);
export const gateways: Readonly<Record<NodeName, string>> = half(gatewaysOf);
export const clusterCIDR = clusterCIDRs.ipv4;
