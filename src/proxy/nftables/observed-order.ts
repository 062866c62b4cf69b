/** Which number each endpoint of a port has in the kernel. Pure. */
import type { NftTable } from '../../kernel/nft-listing.ts';
import type { Endpoint, ServicePort } from '../model/service-port.ts';
import { frontsOf, type Front } from './fronts.ts';
import { insideOffset } from './names.ts';

type Address = Pick<Endpoint, 'ip' | 'port'>;

export interface ObservedOrder {
  readonly all: readonly Address[];
  readonly local: readonly Address[];
}

const blockName = /^(?:node-)?endpoints-\d+$/;

function addressOf(rest: string): Address {
  const [ip = '', port = ''] = rest.slice(rest.lastIndexOf(' : ') + 3).split(' . ');
  return { ip, port: Number(port) };
}

function readFrom(observed: NftTable, { key, kind }: Front, first: number): Address[] {
  const longest: Address[] = [];
  for (const [name, { elements }] of observed.sets) {
    if (!blockName.test(name) || name.startsWith('node-') !== (kind === 'node')) continue;
    const found: Address[] = [];
    for (let index = first; ; index += 1) {
      const rest = elements.get(`${key} . ${index}`);
      if (rest === undefined) break;
      found.push(addressOf(rest));
    }
    if (found.length > longest.length) longest.splice(0, longest.length, ...found);
  }
  return longest;
}

/** Empty lists where nothing is there: a new port. */
export function observedEndpoints(port: ServicePort, observed: NftTable): ObservedOrder {
  const fronts = frontsOf(port);
  const cluster = fronts.find(({ kind }) => kind === 'cluster');
  const outer = fronts.find(({ kind }) => kind !== 'cluster');
  const read = (front: Front | undefined, first: number): Address[] =>
    front === undefined ? [] : readFrom(observed, front, first);
  const forOuter = (isLocal: boolean): Address[] =>
    outer === undefined || (isLocal && port.externalPolicy === 'Cluster')
      ? []
      : read(outer, port.externalPolicy === 'Local' && !isLocal ? insideOffset : 0);
  return port.internalPolicy === 'Local'
    ? { all: forOuter(false), local: read(cluster, 0) }
    : { all: read(cluster, 0), local: forOuter(true) };
}
