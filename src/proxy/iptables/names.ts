/** Chain names and the mark of the iptables back end. A chain name has room for 28 characters. */
import { createHash } from 'node:crypto';
import { portKey, type ServicePort } from '../model/service-port.ts';

/** On packets that are to leave with the node's own address. */
export const masqueradeMark = '0x20000/0x20000';
export const clearMark = '0x0/0x20000';

export const chains = {
  /** Dispatch: by address, then NodePorts. */
  services: 'PW-SERVICES',
  nodePorts: 'PW-NODEPORTS',
  markMasquerade: 'PW-MARK-MASQ',
  postrouting: 'PW-POSTROUTING',
  hairpin: 'PW-HAIRPIN',
  refuse: 'PW-REFUSE',
  refusePorts: 'PW-REFUSE-PORTS',
  forward: 'PW-FORWARD',
} as const;

const own =
  /^PW-(SERVICES|NODEPORTS|MARK-MASQ|POSTROUTING|HAIRPIN|REFUSE|REFUSE-PORTS|FORWARD|(AT|NO|SVC|LOC|EXT)-.*)$/;

/** Whether the proxy made a chain of this name. */
export function ownsChain(name: string): boolean {
  return own.test(name);
}

/** PW- (3) + kind (3) + - (1) + hash (8) + - (1) + as much of the Service's name as fits (12) = 28. */
function chainName(kind: 'SVC' | 'LOC' | 'EXT', port: ServicePort): string {
  const hash = createHash('sha256').update(portKey(port)).digest('hex').slice(0, 8);
  return `PW-${kind}-${hash}-${port.service.slice(port.service.indexOf('/') + 1).slice(0, 12)}`;
}

export interface PortChains {
  /** Every endpoint. */
  readonly all: string;
  /** The endpoints of this node. */
  readonly local: string;
  /** How traffic from outside the cluster is let in. */
  readonly external: string;
}

/** The chains of one Service port. */
export function chainsOf(port: ServicePort): PortChains {
  return { all: chainName('SVC', port), local: chainName('LOC', port), external: chainName('EXT', port) };
}
