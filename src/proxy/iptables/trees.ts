/** The trees of chains that lead a packet to the rules of its Service. */
import { formatCIDR, tryParseCIDR, overlaps, parseCIDR } from '../../api/addresses.ts';
import type { Family } from '../../kernel/family.ts';
import { comment } from '../../kernel/iptables.ts';
import { chains, rangeChain } from './names.ts';
import { protocolOf, type TreeName } from './port-rules.ts';
import { RadixTree, type TreeShape, type ValueRange } from '../../kernel/radix-tree.ts';
import { mark, toNode, unmark } from './rule-text.ts';
import type { RuleSettings } from './settings.ts';

/** About as long as what a packet walks anyway; measured: between 32 and 256 it makes no difference to a commit. */
const leafRules = 64;

function addressShape(family: Family, kind: 'AT' | 'NO' | 'HP', top: string, about: string): TreeShape {
  const cidrOf = ({ base, length }: ValueRange): string =>
    formatCIDR({ family: family.version, base, prefixLength: length });
  const match = kind === 'HP' ? '-s' : '-d';
  return {
    ...{ bits: family.bits, minLength: 1, leafRules, top, about, before: [], after: [] },
    rangeText: cidrOf,
    chainOf: (range) => rangeChain(kind, cidrOf(range), family),
    jumpTo: (range, chain) => `${match} ${cidrOf(range)} ${comment(`${about} in ${cidrOf(range)}`)} -j ${chain}`,
  };
}

const portBits = 16;
/** Two bits of protocol stand before the port. */
const protocolBits = 2;

function portShape(kind: 'NP' | 'NN', top: string, about: string): TreeShape {
  const bits = protocolBits + portBits;
  const ends = ({ base, length }: ValueRange): readonly [bigint, bigint] => {
    const low = base & 0xffffn;
    return [low, low + (1n << BigInt(bits - length)) - 1n];
  };
  const text = (range: ValueRange): string => `${protocolOf(range.base)} ${ends(range).join(':')}`;
  return {
    ...{ bits, minLength: protocolBits, leafRules, top, about, before: [], after: [] },
    rangeText: text,
    // PW-NP- (6) + sctp (4) + -65535-65535 (12) = 22
    chainOf: (range) => `PW-${kind}-${protocolOf(range.base)}-${ends(range).join('-')}`,
    jumpTo: (range, chain) => {
      const protocol = protocolOf(range.base);
      const [low, high] = ends(range);
      const ports = low === high ? `${low}` : `${low}:${high}`;
      // iptables-save leaves out a match for every port.
      const match = range.length === protocolBits ? `-p ${protocol}` : `-p ${protocol} -m ${protocol} --dport ${ports}`;
      return `${match} ${comment(`${about}: ${text(range)}`)} -j ${chain}`;
    },
  };
}

/** Leads to the node's own ports: from every address but loopback's, or from those that were asked for. */
function toNodePorts({ family, nodePortAddresses }: RuleSettings, about: string, chain: string): string[] {
  const everywhere = `! -d ${family.loopback} ${comment(`${about}, on every address of the node but loopback`)}${toNode} -j ${chain}`;
  if (nodePortAddresses === undefined) return [everywhere];
  const loopback = parseCIDR(family.loopback);
  const cidrs = nodePortAddresses.flatMap((text) => tryParseCIDR(text) ?? []);
  if (cidrs.some(({ prefixLength }) => prefixLength === 0)) return [everywhere];
  const texts = cidrs.filter((cidr) => !overlaps(cidr, loopback)).map(formatCIDR);
  return [...new Set(texts)].sort().map((cidr) => {
    return `-d ${cidr} ${comment(`${about}, on addresses of the node in ${cidr}`)}${toNode} -j ${chain}`;
  });
}

/**
 * The mark of who is no pod is set before the Services are looked up and taken off when none was found: translation ends the
 * walk. So it costs two rules in all, not one a Service.
 */
function servicesShape(settings: RuleSettings): TreeShape {
  const { family, clusterCIDR } = settings;
  const ports = toNodePorts(settings, 'podwire: node ports', chains.nodePorts);
  const foreign =
    clusterCIDR === undefined
      ? []
      : [mark('podwire: not from a pod, to a Service it goes as the node', `! -s ${clusterCIDR} `)];
  const none = foreign.map(() => unmark('podwire: to no Service, it goes as it is'));
  return {
    ...addressShape(family, 'AT', chains.services, 'Services'),
    before: foreign,
    after: [...ports, ...none],
  };
}

/** The trees of one family. `hairpin` is by source: the pods of this node that may reach themselves. */
export type Trees = Readonly<Record<TreeName | 'hairpin', RadixTree>>;

export function createTrees(settings: RuleSettings): Trees {
  const { family } = settings;
  const unserved = 'podwire: node ports that nobody answers';
  const refuse = addressShape(family, 'NO', chains.refuse, 'Services without endpoints');
  return {
    services: new RadixTree(servicesShape(settings)),
    nodePorts: new RadixTree(portShape('NP', chains.nodePorts, 'node ports')),
    hairpin: new RadixTree(addressShape(family, 'HP', chains.hairpin, 'pods that reach themselves')),
    refuse: new RadixTree({ ...refuse, after: toNodePorts(settings, unserved, chains.refusePorts) }),
    refusePorts: new RadixTree(portShape('NN', chains.refusePorts, 'node ports without endpoints')),
  };
}

/** Which table a tree stands in. */
export const tableOfTree: Readonly<Record<keyof Trees, 'nat' | 'filter'>> = {
  services: 'nat',
  nodePorts: 'nat',
  hairpin: 'nat',
  refuse: 'filter',
  refusePorts: 'filter',
};
