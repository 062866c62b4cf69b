/** The policy table as the objects of nftables, in the very text that nft prints. Pure. */
import { formatIP } from '../../../api/addresses.ts';
import type { Family } from '../../../kernel/family.ts';
import { comment, type ChainText, type SetText } from '../../../kernel/nft-objects.ts';
import { prefixesOf } from '../model/ranges.ts';
import {
  directions,
  type AddressRange,
  type AllowedLine,
  type Direction,
  type Isolation,
  type Member,
  type PolicySet,
  type PolicyTable,
  type PortRange,
  type Profile,
} from '../model/table.ts';
import {
  addressType,
  droppedSet,
  fixedChains,
  fixedSets,
  ipWord,
  isolatedSet,
  selfSet,
  verdictMap,
} from './structure.ts';

/** What is, or shall be, in the table. Elements by set: key → comment and value. */
export interface NftObjects {
  readonly sets: Map<string, SetText>;
  readonly chains: Map<string, ChainText>;
  /** Named counters, with whom they are for. */
  readonly counters: Map<string, string>;
  readonly elements: Map<string, Map<string, string>>;
}

export const portText = ({ protocol, first, last }: PortRange): string =>
  `${protocol} . ${first}${last === first ? '' : `-${last}`}`;

function rangeText(range: AddressRange, { version }: Family): string {
  const ip = (value: bigint): string => formatIP({ family: version, value });
  const [prefix, more] = prefixesOf(range, version);
  if (range.first === range.last) return ip(range.first);
  return more === undefined && prefix !== undefined
    ? `${ip(range.first)}/${prefix.prefixLength}`
    : `${ip(range.first)}-${ip(range.last)}`;
}

export function memberText({ ip, port }: Pick<Member, 'ip' | 'port'>): string {
  return port === undefined ? ip : `${ip} . ${portText(port)}`;
}

/** Those of a pod set are told apart by the member's key. */
export function elementsOf(set: PolicySet, family: Family): Map<string, string> {
  switch (set.kind) {
    case 'pods':
    case 'named-ports':
      return new Map([...set.members.values()].map((member) => [memberText(member), comment(member.pod)]));
    case 'blocks':
      return new Map(set.ranges.map((range) => [rangeText(range, family), '']));
    case 'ports':
      return new Map(set.ranges.map((range) => [portText(range), '']));
  }
}

export function setText({ kind, name, about }: PolicySet, family: Family): SetText {
  const address = addressType(family);
  const types = {
    pods: [`type ${address}`],
    'named-ports': [`type ${address} . inet_proto . inet_service`],
    blocks: [`type ${address}`, 'flags interval'],
    ports: ['type inet_proto . inet_service', 'flags interval'],
  };
  return { kind: 'set', name, head: [...types[kind], comment(about)] };
}

function lineText({ peers, ports, namedPorts, policy }: AllowedLine, direction: Direction, ip: string): string {
  const peer = `${ip} ${direction === 'ingress' ? 'saddr' : 'daddr'}`;
  return [
    ...(peers === undefined ? [] : [`${peer} @${peers}`]),
    ...(ports === undefined ? [] : [`meta l4proto . th dport @${ports}`]),
    ...(namedPorts === undefined ? [] : [`${ip} daddr . meta l4proto . th dport @${namedPorts}`]),
    `return ${comment(policy)}`,
  ].join(' ');
}

/** What no line lets through is counted by name, noted with its ends, and dropped. */
export function profileChain({ name, direction, policies, lines }: Profile, family: Family): ChainText {
  const ip = ipWord(family);
  const about = comment(policies.join(', '));
  const noted = `${ip} saddr . ${ip} daddr . meta l4proto . th dport`;
  return {
    name,
    lines: [
      about,
      ...lines.map((line) => lineText(line, direction, ip)),
      `${ip} saddr . ${ip} daddr @${selfSet} return ${comment('podwire: nobody is kept from himself')}`,
      `meta l4proto { 6, 17, 132 } update @${droppedSet(direction)} { ${noted} counter } ${about}`,
      `counter name "${name}" drop ${about}`,
    ],
  };
}

/** The elements by which a pod is isolated: set, key, and the rest of its text. */
export function isolationElements(
  direction: Direction,
  ip: string,
  { pod, profile }: Isolation,
): readonly (readonly [set: string, key: string, rest: string])[] {
  return [
    [verdictMap(direction), ip, `${comment(pod)} : jump ${profile}`],
    [isolatedSet(direction), ip, comment(pod)],
  ];
}

export const selfKey = (ip: string): string => `${ip} . ${ip}`;

/** The pod of an address that is isolated at all. */
export function isolatedPod({ isolated }: PolicyTable, ip: string): string | undefined {
  return (isolated.ingress.get(ip) ?? isolated.egress.get(ip))?.pod;
}

/** All of it. `step`: how far behind its usual place the hook stands. */
export function objectsOf(table: PolicyTable, family: Family, step = 0): NftObjects {
  const objects: NftObjects = { sets: new Map(), chains: new Map(), counters: new Map(), elements: new Map() };
  for (const set of fixedSets(family)) objects.sets.set(set.name, set);
  for (const one of fixedChains(family, step)) objects.chains.set(one.name, one);
  for (const set of table.sets.values()) {
    objects.sets.set(set.name, setText(set, family));
    objects.elements.set(set.name, elementsOf(set, family));
  }
  for (const profile of table.profiles.values()) {
    objects.chains.set(profile.name, profileChain(profile, family));
    objects.counters.set(profile.name, profile.policies.join(', '));
  }
  const put = (set: string, key: string, rest: string): void => {
    const elements = objects.elements.get(set) ?? new Map<string, string>();
    objects.elements.set(set, elements.set(key, rest));
  };
  for (const direction of directions) {
    for (const [ip, isolation] of table.isolated[direction]) {
      for (const element of isolationElements(direction, ip, isolation)) put(...element);
      put(selfSet, selfKey(ip), comment(isolation.pod));
    }
  }
  return objects;
}
