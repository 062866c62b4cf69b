/** What the table holds whatever Services there are: its maps, and the chains that lead through them. Pure. */
import { formatCIDR, type Cidr } from '../../api/addresses.ts';
import type { Family } from '../../kernel/family.ts';
import { blockSize, clearMark, endpointMap, insideOffset, masqueradeMark, type Way } from './names.ts';
import { comment, chain, type ChainText, type SetText } from '../../kernel/nft-objects.ts';

export interface StructureOptions {
  readonly family: Family;
  /** Of all pods; undefined: nothing is known of that. */
  readonly clusterCIDR: Cidr | undefined;
  /** CIDRs of the node's addresses that node ports listen on; undefined: all but loopback's. */
  readonly nodePortAddresses: readonly string[] | undefined;
  /** Where its hooks stand, see {@link natHook}; 0 when left out. */
  readonly step?: number | undefined;
}

export interface Structure {
  readonly sets: readonly SetText[];
  readonly chains: readonly ChainText[];
}

/** A replacement takes a step; the filters of others begin at -20 at the earliest. */
export const lastStep = 79;

/**
 * The hook of a chain that chooses endpoints, 0 to {@link lastStep} behind dstnat. When a table is replaced its rules and maps change
 * at one moment, and a packet that is in the old chain just then finds none of its maps: the new chain must be one that it still has
 * before it. Of two hooks with one priority the kernel asks the younger first (nf_hook_entries_grow).
 */
export const natHook = (hook: 'prerouting' | 'output', step = 0): string => {
  // nft names what is at most 10 away from a priority that has a name at this hook.
  const isNamed = hook === 'prerouting' && step <= 10;
  const priority = !isNamed ? step - 100 : step === 0 ? 'dstnat' : `dstnat + ${step}`;
  return `type nat hook ${hook} priority ${priority}; policy accept;`;
};

/**
 * Before every other chain of nat postrouting: the first that masquerades ends the hook, and a packet that left with its mark would hand it
 * on to the packet of a tunnel around it. That one would then be masqueraded as well, which breaks its checksum (udp_manip_pkt takes the
 * offload of the inner packet for its own). At srcnat itself it hung on which of the tables was made last.
 */
const postroutingHook = 'type nat hook postrouting priority srcnat - 1; policy accept;';

const mark = `meta mark set meta mark | ${masqueradeMark}`;
const frontKey = (ip: string): string => `${ip} daddr . meta l4proto . th dport`;
const nodeKey = 'meta l4proto . th dport';

/** What is done on each way before an endpoint is chosen: whether the packet leaves as the node. */
export function markRules(way: Way, { version }: Family, clusterCIDR: Cidr | undefined): readonly string[] {
  const source = version === 4 ? 'ip saddr' : 'ip6 saddr';
  const fromElsewhere = clusterCIDR === undefined ? undefined : `${source} != ${formatCIDR(clusterCIDR)} ${mark}`;
  if (way === 'external') return [mark];
  if (way === 'inside') return [fromElsewhere ?? mark];
  return way === 'cluster' && fromElsewhere !== undefined ? [fromElsewhere] : [];
}

/** The chains for 1 to 32, 33 to 64, … endpoints, and the map that they read. */
export function block(largest: number, isNode: boolean, options: StructureOptions): Structure {
  const { family, clusterCIDR } = options;
  const ip = family.version === 4 ? 'ip' : 'ip6';
  const name = endpointMap(largest, isNode);
  const key = isNode ? nodeKey : frontKey(ip);
  const head = [
    `typeof ${key} . numgen random mod 65536 : ${ip} daddr . th dport`,
    comment(`up to ${largest} endpoints of ${isNode ? 'a node port' : 'an address'}`),
  ];
  const ways: readonly Way[] = isNode ? ['external', 'inside', 'pick'] : ['cluster', 'external', 'inside', 'pick'];
  const chains = ways.flatMap((way) =>
    Array.from({ length: blockSize }, (_, index) => {
      const count = largest - blockSize + 1 + index;
      const draw = `numgen random mod ${count}${way === 'inside' ? ` offset ${insideOffset}` : ''}`;
      const rules = [...markRules(way, family, clusterCIDR), `dnat ${ip} to ${key} . ${draw} map @${name}`, 'drop'];
      return chain(`${isNode ? 'node-' : ''}${way}-${count}`, `podwire: one of ${count}`, rules);
    }),
  );
  return { sets: [{ kind: 'map', name, head }], chains };
}

function fixedSets({ family, nodePortAddresses }: StructureOptions): readonly SetText[] {
  const type = family.version === 4 ? 'ipv4_addr' : 'ipv6_addr';
  const map = (name: string, about: string, isNode = false): SetText => ({
    kind: 'map',
    name,
    head: [`type ${isNode ? '' : `${type} . `}inet_proto . inet_service : verdict`, comment(`podwire: ${about}`)],
  });
  return [
    map('services', 'cluster IPs, load balancers, external IPs'),
    map('restricted', 'addresses of load balancers, for those who may'),
    map('inside', 'policy Local, for pods and this node'),
    map('outside', 'policy Local, for others'),
    map('node-ports', 'node ports', true),
    map('node-inside', 'node ports of policy Local, for pods and this node', true),
    map('node-outside', 'node ports of policy Local, for others', true),
    {
      kind: 'set',
      name: 'allowed',
      head: [
        `type ${type} . inet_proto . inet_service . ${type}`,
        'flags interval',
        comment('podwire: who may use the address of a load balancer'),
      ],
    },
    {
      kind: 'map',
      name: 'cluster-ips',
      head: [`type ${type} : verdict`, comment('podwire: cluster IPs, whatever the port')],
    },
    {
      kind: 'set',
      name: 'hairpin',
      head: [`type ${type} . ${type}`, comment('podwire: pods of this node, each to itself')],
    },
    ...(nodePortAddresses === undefined
      ? []
      : [
          {
            kind: 'set' as const,
            name: 'node-port-addresses',
            head: [`type ${type}`, 'flags interval', comment('podwire: where node ports listen')],
          },
        ]),
  ];
}

/** Policy Local: pods and this node may use every endpoint, others those of this node. */
function localPolicy(isNode: boolean, { family, clusterCIDR }: StructureOptions): ChainText {
  const ip = family.version === 4 ? 'ip' : 'ip6';
  const prefix = isNode ? 'node-' : '';
  const look = `${isNode ? nodeKey : frontKey(ip)} vmap`;
  const fromPods = clusterCIDR === undefined ? [] : [`${ip} saddr ${formatCIDR(clusterCIDR)} ${look} @${prefix}inside`];
  const rules = [...fromPods, `fib saddr type local ${look} @${prefix}inside`, `${look} @${prefix}outside`, 'drop'];
  return chain(`${prefix}local-policy`, 'podwire: policy Local', rules);
}

function fixedChains(options: StructureOptions): readonly ChainText[] {
  const { family, nodePortAddresses, step } = options;
  const ip = family.version === 4 ? 'ip' : 'ip6';
  const key = frontKey(ip);
  const listens = nodePortAddresses === undefined ? '' : ` ${ip} daddr @node-port-addresses`;
  const nodePorts = `fib daddr type local ${ip} daddr != ${formatLoopback(family)}${listens} ${nodeKey} vmap @node-ports`;
  const restricted = [`${key} . ${ip} saddr != @allowed drop`, `${key} vmap @restricted`, 'drop'];
  return [
    chain('refuse', 'podwire: no endpoints', ['reject with tcp reset', 'reject']),
    chain('restricted', 'podwire: only from the ranges of the Service', restricted),
    localPolicy(false, options),
    localPolicy(true, options),
    chain('services', 'podwire: Services, by address and by node port', [
      `${key} vmap @services`,
      `${ip} daddr vmap @cluster-ips`,
      nodePorts,
    ]),
    chain('prerouting', 'podwire: what comes in', ['goto services'], natHook('prerouting', step)),
    chain('output', 'podwire: of this node', ['goto services'], natHook('output', step)),
    chain(
      'postrouting',
      'podwire: as the node where the answer must come back here',
      [
        `meta mark & ${masqueradeMark} == ${masqueradeMark} meta mark set meta mark & ${clearMark} masquerade fully-random`,
        `ct status dnat ${ip} saddr . ${ip} daddr @hairpin masquerade fully-random`,
      ],
      postroutingHook,
    ),
  ];
}

const formatLoopback = ({ version, loopback }: Family): string => (version === 4 ? loopback : '::1');

/** Without any block: those come as their first Service does. */
export function fixedStructure(options: StructureOptions): Structure {
  return { sets: fixedSets(options), chains: fixedChains(options) };
}
