/** What the table of the nftables back end holds whatever policies there are. Pure. */
import type { Family } from '../../../kernel/family.ts';
import { chain, comment, type ChainText, type SetText } from '../../../kernel/nft-objects.ts';
import type { TableName } from '../../../kernel/nft.ts';
import { directions, type Direction } from '../model/table.ts';

export const tableOf = ({ version }: Family): TableName => ({
  family: version === 4 ? 'ip' : 'ip6',
  name: 'podwire-policy',
});

export const addressType = ({ version }: Family): string => (version === 4 ? 'ipv4_addr' : 'ipv6_addr');
/** How the family is called in rules. */
export const ipWord = ({ version }: Family): string => (version === 4 ? 'ip' : 'ip6');

/** Verdict maps: a pod's address → the chain of its profile. */
export const verdictMap = (direction: Direction): string => direction;
/** The same addresses as a set, since a map cannot be asked whether it has one. */
export const isolatedSet = (direction: Direction): string => `isolated-${direction}`;
/** What was dropped lately: source, destination, protocol, port. Filled by packets. */
export const droppedSet = (direction: Direction): string => `dropped-${direction}`;
/** Isolated pods, each with itself. */
export const selfSet = 'self';

export const isFilledByPackets = (set: string): boolean => set.startsWith('dropped-');

/** So many different drops are remembered, for so long. */
const rememberedDrops = 4096;

export function fixedSets(family: Family): readonly SetText[] {
  const type = addressType(family);
  return [
    ...directions.flatMap((direction): SetText[] => [
      {
        kind: 'map',
        name: verdictMap(direction),
        head: [`type ${type} : verdict`, comment(`podwire: pods isolated for ${direction}`)],
      },
      {
        kind: 'set',
        name: isolatedSet(direction),
        head: [`type ${type}`, comment(`podwire: pods isolated for ${direction}`)],
      },
      {
        kind: 'set',
        name: droppedSet(direction),
        head: [
          `type ${type} . ${type} . inet_proto . inet_service`,
          `size ${rememberedDrops}`,
          'flags dynamic,timeout',
          'timeout 5m',
          comment(`podwire: dropped lately for ${direction}`),
        ],
      },
    ]),
    { kind: 'set', name: selfSet, head: [`type ${type} . ${type}`, comment('podwire: nobody is kept from himself')] },
  ];
}

/** Behind this nft calls a priority by the name of the next filter. */
const lastStep = 39;
const steps = Array.from({ length: lastStep + 1 }, (_, step) => step);

/**
 * The hook of the chain that asks the policies, 0 to {@link lastStep} behind filter. When a table is replaced its rules change at one
 * moment, and the maps of the old one are switched off in it: a packet that is in the old chain just then falls through and would pass,
 * so the new chain must be one that it still has before it. Of two hooks with one priority the kernel asks the younger first.
 */
function forwardHook(step: number): string {
  // nft names what is at most 10 away from a priority that has a name.
  const priority = step === 0 ? 'filter' : step <= 10 ? `filter + ${step}` : String(step);
  return `type filter hook forward priority ${priority}; policy accept;`;
}

/** Where the hook of a table of ours stands, as it was read; undefined where no such hook is. */
export function stepOf(hook: string | undefined): number | undefined {
  return steps.find((step) => forwardHook(step) === hook);
}

/** For a table in the place of one with this hook. Behind the last step comes the first, which has nothing of that kind before it. */
export function stepBehind(hook: string | undefined): number {
  const step = stepOf(hook);
  return step === undefined || step === lastStep ? 0 : step + 1;
}

export function fixedChains(family: Family, step: number): readonly ChainText[] {
  const ip = ipWord(family);
  const look = [`${ip} saddr vmap @${verdictMap('egress')}`, `${ip} daddr vmap @${verdictMap('ingress')}`];
  const neighbours = 'icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept';
  const pickedUp = [
    `${ip} saddr @${isolatedSet('ingress')} drop`,
    `${ip} daddr @${isolatedSet('egress')} drop`,
    ...look,
  ];
  return [
    // A flow that was cut must not come back as one that its answerer opened.
    chain('picked-up', 'podwire: in the middle of a connection that nobody knows', pickedUp),
    chain(
      'forward',
      'podwire: NetworkPolicy',
      [
        'ct state established,related accept',
        ...(family.version === 6 ? [neighbours] : []),
        'ct state new tcp flags != syn / fin,syn,rst,ack goto picked-up',
        ...look,
      ],
      forwardHook(step),
    ),
  ];
}
