/** The chains of the iptables back end, in the text of iptables-save. Pure. */
import { formatCIDR } from '../../../api/addresses.ts';
import type { Family } from '../../../kernel/family.ts';
import { comment } from '../../../kernel/iptables.ts';
import type { DesiredChain, Hook } from '../../../kernel/plan-iptables.ts';
import { RadixTree, type ValueRange } from '../../../kernel/radix-tree.ts';
import { protocolNumbers, type AllowedLine, type Direction, type PolicyTable, type Profile } from '../model/table.ts';
import { droppedSet, isolatedSet, profileChain, rangeChain, setName, topChain, treeChain } from './names.ts';

/** Lists one by one what a packet may walk anyway. */
const leafRules = 32;
/** What multiport has room for; a range takes two. */
const portSlots = 15;

const protocolNames = new Map(Object.entries(protocolNumbers).map(([name, number]) => [number, name.toLowerCase()]));

const asks = (set: string, flags: string): string => `-m set --match-set ${set} ${flags}`;

export const hook: Hook = {
  table: 'filter',
  chain: 'FORWARD',
  rule: `${comment('podwire: NetworkPolicy')} -j ${topChain}`,
  // What nobody answers is refused whatever the policies say, and flows that are known pass them.
  after: ['PW-NET-KNOWN', 'PW-REFUSE'],
};

/** Replies pass; what is in the middle of a connection that nobody knows is not taken for a new one of the isolated pod's. */
export function topRules(family: Family): DesiredChain {
  const established = `-m conntrack --ctstate RELATED,ESTABLISHED ${comment('podwire: replies pass')} -j RETURN`;
  const neighbours = [135, 136].map(
    (type) => `-p ipv6-icmp -m icmp6 --icmpv6-type ${type} ${comment('podwire: who has this address')} -j RETURN`,
  );
  const midway = '-p tcp -m tcp ! --tcp-flags FIN,SYN,RST,ACK SYN -m conntrack --ctstate NEW';
  const cut = comment('podwire: in the middle of a connection that nobody knows');
  return {
    about: 'NetworkPolicy',
    rules: [
      established,
      ...(family.version === 6 ? neighbours : []),
      `${midway} ${asks(isolatedSet(family, 'ingress'), 'src')} ${cut} -j DROP`,
      `${midway} ${asks(isolatedSet(family, 'egress'), 'dst')} ${cut} -j DROP`,
      `${asks(isolatedSet(family, 'egress'), 'src')} ${comment('podwire: pods isolated for egress')} -j ${treeChain('egress')}`,
      `${asks(isolatedSet(family, 'ingress'), 'dst')} ${comment('podwire: pods isolated for ingress')} -j ${treeChain('ingress')}`,
    ],
  };
}

interface PortText {
  readonly protocol: string;
  /** Empty: every port. */
  readonly ports: string;
}

/** The ports of a set, as many times as multiport needs. */
function portTexts(table: PolicyTable, name: string): PortText[] {
  const set = table.sets.get(name);
  if (set?.kind !== 'ports') throw new Error(`the table has no set of ports ${name}`);
  const texts: PortText[] = [];
  for (const [number, ranges] of Map.groupBy(set.ranges, ({ protocol }) => protocol)) {
    const protocol = protocolNames.get(number) ?? String(number);
    if (ranges.some(({ first, last }) => first === 0 && last === 65_535)) {
      texts.push({ protocol, ports: '' });
      continue;
    }
    let slots = 0;
    let words: string[] = [];
    const flush = (): void => {
      if (words.length > 0) texts.push({ protocol, ports: words.join(',') });
      [slots, words] = [0, []];
    };
    for (const { first, last } of ranges) {
      const takes = first === last ? 1 : 2;
      if (slots + takes > portSlots) flush();
      slots += takes;
      words.push(first === last ? `${first}` : `${first}:${last}`);
    }
    flush();
  }
  return texts;
}

function lineRules(table: PolicyTable, line: AllowedLine, direction: Direction, family: Family): string[] {
  const { peers, ports, namedPorts, policy } = line;
  const peer = peers === undefined ? [] : [asks(setName(family, peers), direction === 'ingress' ? 'src' : 'dst')];
  const named = namedPorts === undefined ? [] : [asks(setName(family, namedPorts), 'dst,dst')];
  const end = `${comment(policy)} -j RETURN`;
  if (ports === undefined) return [[...peer, ...named, end].join(' ')];
  return portTexts(table, ports).map(({ protocol, ports: list }) =>
    [`-p ${protocol}`, ...peer, ...(list === '' ? [] : [`-m multiport --dports ${list}`]), end].join(' '),
  );
}

export function profileRules(table: PolicyTable, profile: Profile, family: Family): DesiredChain {
  const { direction, policies, lines } = profile;
  const about = comment(policies.join(', '));
  const noted = [...protocolNames.values()].map(
    (protocol) => `-p ${protocol} ${about} -j SET --add-set ${droppedSet(family, direction)} src,dst,dst --exist`,
  );
  return {
    about: `${direction} by ${policies.join(', ')}`,
    rules: [...lines.flatMap((line) => lineRules(table, line, direction, family)), ...noted, `${about} -j DROP`],
  };
}

/** Leads to the profile of a pod in a few steps, however many pods are isolated. */
export function createTree(direction: Direction, family: Family): RadixTree {
  const cidrOf = ({ base, length }: ValueRange): string =>
    formatCIDR({ family: family.version, base, prefixLength: length });
  const match = direction === 'ingress' ? '-d' : '-s';
  const about = `pods isolated for ${direction}`;
  return new RadixTree({
    bits: family.bits,
    minLength: 1,
    leafRules,
    top: treeChain(direction),
    before: [],
    after: [],
    about,
    rangeText: cidrOf,
    chainOf: (range) => rangeChain(direction, cidrOf(range), family),
    jumpTo: (range, chain) => `${match} ${cidrOf(range)} ${comment(`${about} in ${cidrOf(range)}`)} -j ${chain}`,
  });
}

/** The rules of one pod in its tree; it is not kept from itself. */
export function podRules(direction: Direction, ip: string, pod: string, profile: string, family: Family): string[] {
  const own = `${ip}/${family.bits}`;
  return [
    `-s ${own} -d ${own} ${comment(`${pod}: nobody is kept from himself`)} -j RETURN`,
    `${direction === 'ingress' ? '-d' : '-s'} ${own} ${comment(pod)} -j ${profileChain(profile)}`,
  ];
}
