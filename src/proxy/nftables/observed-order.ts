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

/** The maps of endpoints that a table has, found once: what follows asks for each Service port. */
interface Blocks {
  readonly ofAddresses: readonly ReadonlyMap<string, string>[];
  readonly ofNodePorts: readonly ReadonlyMap<string, string>[];
}

function blocksOf({ sets }: NftTable): Blocks {
  const blocks = [...sets].filter(([name]) => blockName.test(name));
  const maps = (isNode: boolean): ReadonlyMap<string, string>[] =>
    blocks.filter(([name]) => name.startsWith('node-') === isNode).map(([, { elements }]) => elements);
  return { ofAddresses: maps(false), ofNodePorts: maps(true) };
}

function readFrom(blocks: Blocks, { key, kind }: Front, first: number): readonly Address[] {
  let longest: readonly Address[] = [];
  for (const elements of kind === 'node' ? blocks.ofNodePorts : blocks.ofAddresses) {
    const found: Address[] = [];
    for (let index = first; ; index += 1) {
      const rest = elements.get(`${key} . ${index}`);
      if (rest === undefined) break;
      found.push(addressOf(rest));
    }
    if (found.length > longest.length) longest = found;
  }
  return longest;
}

/** Tells the numbers of a port's endpoints; empty lists where nothing is there: a new port. */
export function createOrderReader(observed: NftTable): (port: ServicePort) => ObservedOrder {
  const blocks = blocksOf(observed);
  const read = (front: Front | undefined, first: number): readonly Address[] =>
    front === undefined ? [] : readFrom(blocks, front, first);
  return (port) => {
    const fronts = frontsOf(port);
    const cluster = fronts.find(({ kind }) => kind === 'cluster');
    const outer = fronts.find(({ kind }) => kind !== 'cluster');
    const forOuter = (isLocal: boolean): readonly Address[] =>
      isLocal && port.externalPolicy === 'Cluster'
        ? []
        : read(outer, port.externalPolicy === 'Local' && !isLocal ? insideOffset : 0);
    return port.internalPolicy === 'Local'
      ? { all: forOuter(false), local: read(cluster, 0) }
      : { all: read(cluster, 0), local: forOuter(true) };
  };
}
