/** Chain names and the mark of the iptables back end. A chain name has room for 28 characters. */
import { createHash } from 'node:crypto';
import type { Family } from '../../kernel/family.ts';
import { portKey, type Endpoint, type ServicePort } from '../model/service-port.ts';

/** On packets that are to leave with the node's own address. */
export const masqueradeMark = '0x20000/0x20000';
export const clearMark = '0x0/0x20000';

export const chains = {
  /** Dispatch: by address, then node ports. */
  services: 'PW-SERVICES',
  nodePorts: 'PW-NODEPORTS',
  postrouting: 'PW-POSTROUTING',
  hairpin: 'PW-HAIRPIN',
  refuse: 'PW-REFUSE',
  refusePorts: 'PW-REFUSE-PORTS',
  forward: 'PW-FORWARD',
} as const;

/** Below the chains above: by address (AT, NO, HP), by port (NP, NN), of one Service port (SVC, LOC, EXT, FW). MARK-MASQ is of an earlier version. */
const own =
  /^PW-(SERVICES|NODEPORTS|MARK-MASQ|POSTROUTING|HAIRPIN|REFUSE|REFUSE-PORTS|FORWARD|(AT|NO|HP|NP|NN|SVC|LOC|EXT|FW)-.*)$/;

/** Whether the proxy made a chain of this name. */
export function ownsChain(name: string): boolean {
  return own.test(name);
}

const hashOf = (text: string, digits: number): string =>
  createHash('sha256').update(text).digest('hex').slice(0, digits);

/**
 * The chain of a range of addresses. `PW-AT-` (6) + `255.255.255.255/32` (18) = 24; an IPv6 prefix has no room: 12 digits of
 * its hash and its length, `PW-AT-1a2b3c4d5e6f/112` (22).
 */
export function rangeChain(kind: 'AT' | 'NO' | 'HP', cidr: string, family: Family): string {
  if (family.version === 4) return `PW-${kind}-${cidr}`;
  return `PW-${kind}-${hashOf(cidr, 12)}${cidr.slice(cidr.indexOf('/'))}`;
}

export interface PortChains {
  /** Every endpoint. */
  readonly all: string;
  /** The endpoints of this node. */
  readonly local: string;
  /** How traffic from outside the cluster is let in. */
  readonly external: string;
  /** Who may use the load balancer's addresses. */
  readonly firewall: string;
}

/** The chains of one Service port: PW- (3) + kind (3) + - (1) + hash (8) + - (1) + as much of the Service's name as fits (12) = 28. */
export function chainsOf(port: ServicePort): PortChains {
  const service = port.service.slice(port.service.indexOf('/') + 1).slice(0, 12);
  const suffix = `${hashOf(portKey(port), 8)}-${service}`;
  return {
    all: `PW-SVC-${suffix}`,
    local: `PW-LOC-${suffix}`,
    external: `PW-EXT-${suffix}`,
    firewall: `PW-FW-${suffix}`,
  };
}

/** The list in /proc/net/xt_recent of the clients that stay with an endpoint. It is gone when no rule names it any more. */
export function affinityList(port: ServicePort, { ip, port: target }: Endpoint): string {
  return `PW-${hashOf(portKey(port), 8)}-${ip}-${target}`;
}
