/** Which addresses of the pools a Service gets. Takes them; the caller writes them down. */
import { familyOf } from '../../api/addresses.ts';
import { keyOf } from '../../api/informer.ts';
import type { Service } from '../../api/types.gen.ts';
import type { AddressPool } from './address-pool.ts';

export interface Choice {
  readonly addresses: readonly string[];
  /** Why it is not what was asked for. */
  readonly problem: string | undefined;
}

/** The addresses that its status names. */
export const addressesOf = ({ status }: Service): string[] =>
  (status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => (ip ? [ip] : []));

function poolsOf({ spec }: Service, pools: readonly AddressPool[]): AddressPool[] {
  const families = spec?.ipFamilies?.length ? spec.ipFamilies : ['IPv4'];
  return families.flatMap((family) => pools.find((pool) => pool.family === (family === 'IPv6' ? 6 : 4)) ?? []);
}

/** The one that `spec.loadBalancerIP` names, and nothing else: who asks for one address would not find another. */
function wantedAddress(key: string, wanted: string, pools: readonly AddressPool[]): Choice {
  const pool = pools.find((each) => each.family === familyOf(wanted));
  const ranges = pools.map(({ text }) => text).join(', ');
  if (pool?.contains(wanted) !== true)
    return { addresses: [], problem: `spec.loadBalancerIP ${wanted} is not in ${ranges}` };
  if (pool.occupy(wanted, key)) return { addresses: [wanted], problem: undefined };
  return { addresses: [], problem: `spec.loadBalancerIP ${wanted} belongs to Service ${pool.holderOf(wanted)}` };
}

/** One address a family. What the Service has it keeps; what it has beyond that is free again. */
export function chooseAddresses(service: Service, pools: readonly AddressPool[]): Choice {
  const key = keyOf(service);
  const own = poolsOf(service, pools);
  if (own.length === 0) {
    const problem = `no range of addresses for load balancers is ${(service.spec?.ipFamilies ?? []).join(' or ')}`;
    return { addresses: [], problem };
  }
  const wanted = service.spec?.loadBalancerIP ?? '';
  const asked = wanted === '' ? { addresses: [], problem: undefined } : wantedAddress(key, wanted, own);
  const has = addressesOf(service);
  const addresses = [...asked.addresses];
  for (const pool of own) {
    if (wanted !== '' && pool.family === (familyOf(wanted) ?? own[0]?.family)) continue;
    const address = has.find((each) => pool.occupy(each, key)) ?? pool.take(key);
    if (address === undefined) return { addresses, problem: `no address is left in ${pool.text}` };
    addresses.push(address);
  }
  return { addresses, problem: asked.problem };
}
