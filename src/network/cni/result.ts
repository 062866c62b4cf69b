/** What ADD answers, in the words of each version of the specification. Pure. */
import { familyOf } from '../../api/addresses.ts';
import type { PodAttachment } from '../contract.ts';
import type { CniVersion } from './request.ts';

const anywhere = { 4: '0.0.0.0/0', 6: '::/0' } as const;

/** `netns`: the path that the runtime knows. `routed`: the addresses by whose gateway the namespace has its default route; all when left out. */
export function addResult(
  version: CniVersion,
  attachment: PodAttachment,
  netns: string,
  routed: PodAttachment['addresses'] = attachment.addresses,
): string {
  const { link, ifname, mac, mtu, addresses } = attachment;
  const isNewest = version === '1.1.0';
  const isOld = version.startsWith('0.');
  const withMtu = isNewest ? { mtu } : {};
  return JSON.stringify({
    cniVersion: version,
    interfaces: [
      { name: link, mac: '', ...withMtu },
      { name: ifname, mac, ...withMtu, sandbox: netns },
    ],
    ips: addresses.map(({ ip, prefixLength, gateway }) => ({
      ...(isOld ? { version: String(familyOf(ip) ?? 4) } : {}),
      interface: 1,
      address: `${ip}/${prefixLength}`,
      gateway,
    })),
    routes: routed.map(({ ip, gateway }) => ({ dst: anywhere[familyOf(ip) ?? 4], gw: gateway })),
    dns: {},
  });
}
