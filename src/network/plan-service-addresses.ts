/** Which addresses of load balancers this node answers for, as local routes. Pure. */
import { familyOf } from '../api/addresses.ts';
import { keyOf } from '../api/informer.ts';
import { answeredByAnnotation } from '../api/load-balancer.ts';
import type { Service } from '../api/types.gen.ts';
import type { Change } from '../kernel/change.ts';
import type { Route } from '../kernel/ip.ts';
import { routeProtocol } from './names.ts';

/** Address → the Service it belongs to. */
export type ServiceAddresses = ReadonlyMap<string, string>;

function isForNode({ metadata, spec }: Service, nodeName: string): boolean {
  return spec?.type === 'LoadBalancer' && metadata.annotations?.[answeredByAnnotation] === nodeName;
}

/** A balancer of mode Proxy is a machine of its own; only VIPs are to be had here. */
export function addressesOfNode(services: readonly Service[], nodeName: string): ServiceAddresses {
  return new Map(
    services
      .filter((service) => isForNode(service, nodeName))
      .flatMap((service) =>
        (service.status?.loadBalancer?.ingress ?? [])
          .filter(({ ip, ipMode = 'VIP' }) => ip !== undefined && familyOf(ip) === 4 && ipMode === 'VIP')
          .map(({ ip = '' }): [string, string] => [ip, keyOf(service)]),
      ),
  );
}

export interface ServiceAddressPlan {
  readonly steps: readonly (Change & { readonly line: string })[];
  /** Addresses that come to this node, which neighbours are to be told. */
  readonly added: readonly string[];
}

const lineOf = (verb: string, address: string, link: string): string =>
  `route ${verb} local ${address}/32 dev ${link} table local proto ${routeProtocol}`;

/** `observed`: the local routes that carry our number. */
export function planServiceAddresses(
  desired: ServiceAddresses,
  observed: readonly Route[],
  uplink: string,
): ServiceAddressPlan {
  const there = new Map(observed.map(({ destination, device }) => [destination.replace(/\/32$/, ''), device]));
  const gone = [...there].filter(([address, device]) => !desired.has(address) || device !== uplink);
  const added = [...desired].filter(([address]) => there.get(address) !== uplink);
  return {
    steps: [
      ...gone.map(([address, device]) => ({
        action: 'delete',
        object: `local route ${address}`,
        reason: 'no Service has this node answer for it',
        line: lineOf('delete', address, device),
      })),
      ...added.map(([address, service]) => ({
        action: 'add',
        object: `local route ${address}`,
        reason: `this node answers for Service ${service}`,
        line: lineOf('add', address, uplink),
      })),
    ],
    added: added.map(([address]) => address),
  };
}
