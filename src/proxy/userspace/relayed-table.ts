/** The table as the rules of this mode see it: behind each port stands the relay, which knows the endpoints. Pure. */
import { portKey, type Endpoint, type ServicePort } from '../model/service-port.ts';
import type { Family } from '../../kernel/family.ts';
import type { Backend } from './protocol.ts';

/**
 * Where the relay listens: an address that packets from everywhere can be led to (loopback's cannot) and that answers are sure to
 * come from. Link-local (RFC 3927) and unique local (RFC 4193), on `lo`.
 */
export const relayAddress = (family: Family): string => (family.version === 4 ? '169.254.80.87' : 'fd70:7764:7765::1');

const flavours = ['endpoints', 'localEndpoints'] as const;
type Flavour = (typeof flavours)[number];

const idOf = (port: ServicePort, flavour: Flavour, family: Family): string =>
  `${portKey(port)}/${flavour === 'endpoints' ? 'all' : 'local'}/${family.version}`;

const needsLocal = ({ internalPolicy, externalPolicy }: ServicePort): boolean =>
  internalPolicy === 'Local' || externalPolicy === 'Local';

/** Who listens for a port: for all its endpoints, and for those of this node where a policy asks for that. None for a port that nobody answers. */
export function backendsOf(port: ServicePort, family: Family): Backend[] {
  const { protocol } = port;
  if (protocol === 'sctp') return [];
  return flavours
    .filter((flavour) => port[flavour].length > 0 && (flavour === 'endpoints' || needsLocal(port)))
    .map((flavour) => ({
      id: idOf(port, flavour, family),
      protocol,
      host: relayAddress(family),
      port: 0,
      targets: port[flavour].map(({ ip, port: number }) => ({ ip, port: number })),
      affinitySeconds: port.affinitySeconds,
    }));
}

/** Whom flows of a port may lead to: the relay's ports, and endpoints that another mode led to before and that still serve. */
export function flowsOf(port: ServicePort, { endpoints, localEndpoints }: ServicePort): ServicePort {
  const relays = [...endpoints, ...localEndpoints];
  return { ...port, serving: relays.length === 0 ? [] : [...relays, ...port.serving] };
}

/** The relay's port in the place of the endpoints; a client's target is the relay's choice, so nothing of that is asked of the rules. */
export function relayed(port: ServicePort, family: Family, ports: ReadonlyMap<string, number>): ServicePort {
  const behind = (flavour: Flavour): readonly Endpoint[] => {
    const number = ports.get(idOf(port, flavour, family));
    return number === undefined ? [] : [{ ip: relayAddress(family), port: number, local: true, pod: '' }];
  };
  const [endpoints, localEndpoints] = [behind('endpoints'), behind('localEndpoints')];
  return { ...port, endpoints, localEndpoints, serving: endpoints, affinitySeconds: undefined };
}
