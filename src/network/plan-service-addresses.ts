/** Which addresses of load balancers this node answers for, as local routes and, of IPv6, proxied neighbours. Pure. */
import { familyOf } from '../api/addresses.ts';
import { keyOf } from '../api/informer.ts';
import { answeredByAnnotation } from '../api/load-balancer.ts';
import type { Service } from '../api/types.gen.ts';
import type { Change } from '../kernel/change.ts';
import { familyOfText, type Family } from '../kernel/family.ts';
import type { NeighbourProxy } from '../kernel/forwarding.ts';
import type { Route } from '../kernel/ip.ts';
import { routeProtocol } from './names.ts';

/** Address → the Service it belongs to. */
export type ServiceAddresses = ReadonlyMap<string, string>;

function isForNode({ metadata, spec }: Service, nodeName: string): boolean {
  return spec?.type === 'LoadBalancer' && metadata.annotations?.[answeredByAnnotation] === nodeName;
}

/** Of the families that the node has addresses of. A balancer of mode Proxy is a machine of its own; only VIPs are to be had here. */
export function addressesOfNode(
  services: readonly Service[],
  nodeName: string,
  families: readonly Family[],
): ServiceAddresses {
  const isOurs = (ip: string): boolean => families.some(({ version }) => version === familyOf(ip));
  return new Map(
    services
      .filter((service) => isForNode(service, nodeName))
      .flatMap((service) =>
        (service.status?.loadBalancer?.ingress ?? [])
          .filter(({ ip, ipMode = 'VIP' }) => ip !== undefined && isOurs(ip) && ipMode === 'VIP')
          .map(({ ip = '' }): [string, string] => [ip, keyOf(service)]),
      ),
  );
}

/** What in the kernel carries our number. */
export interface ObservedServiceAddresses {
  /** Local routes. */
  readonly routes: readonly Route[];
  readonly proxies: readonly NeighbourProxy[];
}

export interface ServiceAddressPlan {
  readonly steps: readonly (Change & { readonly line: string })[];
  /** Addresses that come to this node, which neighbours are to be told. */
  readonly added: readonly string[];
}

/** One kind of thing that an address needs: who has it and how it is written. */
interface Kind {
  readonly name: string;
  readonly there: ReadonlyMap<string, string>;
  readonly isFor: (address: string) => boolean;
  readonly line: (verb: 'add' | 'delete', address: string, link: string) => string;
}

function kindsOf({ routes, proxies }: ObservedServiceAddresses): readonly Kind[] {
  return [
    {
      name: 'local route',
      there: new Map(routes.map(({ destination, device }) => [destination.replace(/\/\d+$/, ''), device])),
      isFor: () => true,
      line: (verb, address, link) =>
        `route ${verb} local ${address}/${familyOfText(address).bits} dev ${link} table local proto ${routeProtocol}`,
    },
    // IPv6 does not answer for an address because a route says that it is taken here, as ARP does.
    {
      name: 'proxied neighbour',
      there: new Map(proxies.map(({ ip, link }) => [ip, link])),
      isFor: (address) => familyOfText(address).version === 6,
      line: (verb, address, link) => `neighbour ${verb} proxy ${address} dev ${link} protocol ${routeProtocol}`,
    },
  ];
}

/** What is nobody's goes first. An address is answered for when all that it needs is there. */
export function planServiceAddresses(
  desired: ServiceAddresses,
  observed: ObservedServiceAddresses,
  uplink: string,
): ServiceAddressPlan {
  const kinds = kindsOf(observed);
  const isRight = ({ there, isFor }: Kind, address: string): boolean =>
    !isFor(address) || there.get(address) === uplink;
  const gone = kinds.toReversed().flatMap(({ name, there, line }) =>
    [...there]
      .filter(([address, link]) => !desired.has(address) || link !== uplink)
      .map(([address, link]) => ({
        action: 'delete',
        object: `${name} ${address}`,
        reason: 'no Service has this node answer for it',
        line: line('delete', address, link),
      })),
  );
  const added = [...desired].flatMap(([address, service]) =>
    kinds
      .filter((kind) => !isRight(kind, address))
      .map(({ name, line }) => ({
        action: 'add',
        object: `${name} ${address}`,
        reason: `this node answers for Service ${service}`,
        line: line('add', address, uplink),
      })),
  );
  return {
    steps: [...gone, ...added],
    added: [...desired.keys()].filter((address) => !kinds.every((kind) => isRight(kind, address))),
  };
}

/** For proxied neighbours: they are answered for at all, and at once, where the kernel's default waits up to 0.8 s. */
export function proxySettings(link: string): ReadonlyMap<string, string> {
  // sysctl(8) writes the dot of a VLAN link as a slash.
  const part = link.replaceAll('.', '/');
  return new Map([
    [`net.ipv6.conf.${part}.proxy_ndp`, '1'],
    [`net.ipv6.neigh.${part}.proxy_delay`, '0'],
  ]);
}
