/** What an Endpoints object says, as groups of endpoints for EndpointSlices. Pure. */
import { familyOf, formatIP, parseIP } from '../../api/addresses.ts';
import type {
  DiscoveryEndpointPort,
  Endpoint,
  EndpointAddress,
  Endpoints,
  EndpointSubset,
} from '../../api/types.gen.ts';
import type { AddressType } from './endpoint-facts.ts';
import { repackSubsets } from './repack-subsets.ts';
import { maxMirrored } from './slice-owner.ts';
import type { EndpointGroup } from './slices-plan.ts';

function endpointOf({ ip, hostname, nodeName, targetRef }: EndpointAddress, ready: boolean): Endpoint {
  const parsed = parseIP(ip);
  return {
    addresses: [parsed === undefined ? ip : formatIP(parsed)],
    conditions: { ready },
    ...(hostname ? { hostname } : {}),
    ...(nodeName === undefined ? {} : { nodeName }),
    ...(targetRef === undefined ? {} : { targetRef }),
  };
}

const portsOf = ({ ports = [] }: EndpointSubset): DiscoveryEndpointPort[] =>
  ports.map(({ name = '', port, protocol = 'TCP', appProtocol }) => ({
    ...{ name, port, protocol },
    ...(appProtocol === undefined ? {} : { appProtocol }),
  }));

/** What is repeated of an Endpoints object, and how many addresses are not, since there are too many in one subset. */
export function mirrorGroups({ subsets = [] }: Endpoints): { groups: EndpointGroup[]; skipped: number } {
  const groups: EndpointGroup[] = [];
  let skipped = 0;
  for (const subset of repackSubsets(subsets)) {
    const { addresses = [], notReadyAddresses = [] } = subset;
    const all = [
      ...addresses.map((each) => endpointOf(each, true)),
      ...notReadyAddresses.map((each) => endpointOf(each, false)),
    ];
    const endpoints = all.slice(0, maxMirrored);
    skipped += all.length - endpoints.length;
    for (const addressType of ['IPv4', 'IPv6'] satisfies AddressType[]) {
      const family = addressType === 'IPv6' ? 6 : 4;
      const ofFamily = endpoints.filter(({ addresses: [ip = ''] }) => familyOf(ip) === family);
      if (ofFamily.length > 0) groups.push({ addressType, ports: portsOf(subset), endpoints: ofFamily });
    }
  }
  return { groups, skipped };
}
