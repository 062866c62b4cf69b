/** How the proxy of the cases is started. */
import type { SetUp } from './packet-case.ts';
import { clusterCIDRs, type FamilyName } from './world.ts';

const switches = { ipv4: '192.168.77.0/24', ipv6: 'fd00:99::/64' } as const;
const loopbacks = { ipv4: '127.0.0.0/8', ipv6: '::1/128' } as const;

/** The CIDRs of a family that node ports listen on; undefined: every address but loopback's. */
export function nodePortAddresses(setUp: SetUp, family: FamilyName): readonly string[] | undefined {
  if (setUp === 'default' || setUp === 'pods unknown') return undefined;
  return setUp === 'switch only' ? [switches[family]] : [loopbacks[family], switches[family]];
}

/** Addresses of all pods of a family, as far as the proxy is told. */
export function clusterCIDR(setUp: SetUp, family: FamilyName): string | undefined {
  return setUp === 'pods unknown' ? undefined : clusterCIDRs[family];
}
