/** What the nftables mode needs of nft and the kernel: asked by having both check a small table, which is never loaded. */
import { CommandError, type Exec } from '../../kernel/exec.ts';
import type { Family } from '../../kernel/family.ts';
import { checkNft } from '../../kernel/nft.ts';
import { tableOf } from './names.ts';
import { addChain, addRules, addSet } from '../../kernel/nft-objects.ts';
import { block, fixedStructure } from './structure.ts';
import { parseCIDR } from '../../api/addresses.ts';

interface Feature {
  readonly what: string;
  readonly remedy: string;
  /** Chains and sets of a table, as they stand between its braces. `IP` is the family. */
  readonly body: string;
}

const kernelWith = (option: string): string => `load the module or use a kernel with ${option}`;

/** From the plain to the special: the first that fails explains those after it. */
const features: readonly Feature[] = [
  { what: 'nf_tables', remedy: kernelWith('CONFIG_NF_TABLES and its families'), body: '' },
  {
    what: 'NAT chains',
    remedy: kernelWith('CONFIG_NFT_NAT'),
    body: 'chain c { type nat hook prerouting priority dstnat; }',
  },
  {
    what: 'maps of verdicts with several fields',
    remedy: kernelWith('CONFIG_NF_TABLES and nft 1.0 or later'),
    body: 'map m { type inet_proto . inet_service : verdict; }\nchain c { meta l4proto . th dport vmap @m; }',
  },
  {
    what: 'random numbers (numgen)',
    remedy: kernelWith('CONFIG_NFT_NUMGEN'),
    body: 'chain c { numgen random mod 2 0 accept; }',
  },
  {
    what: 'look-ups of the route (fib)',
    remedy: kernelWith('CONFIG_NFT_FIB_IPV4 and CONFIG_NFT_FIB_IPV6'),
    body: 'chain c { fib daddr type local accept; }',
  },
  {
    what: 'refusals (reject)',
    remedy: kernelWith('CONFIG_NFT_REJECT'),
    body: 'chain c { type nat hook prerouting priority dstnat; reject; }',
  },
  {
    what: 'masquerade',
    remedy: kernelWith('CONFIG_NFT_MASQ'),
    body: 'chain c { type nat hook postrouting priority srcnat; masquerade fully-random; }',
  },
  {
    what: 'the state of connections (ct)',
    remedy: kernelWith('CONFIG_NFT_CT'),
    body: 'chain c { ct status dnat accept; }',
  },
  {
    what: 'ranges in fields of a set',
    remedy: kernelWith('CONFIG_NF_TABLES from 5.6 on'),
    body: 'set s { type IP_addr . inet_service; flags interval; elements = { RANGE . 80 }; }',
  },
  {
    what: 'sets that packets fill (dynset)',
    remedy: kernelWith('CONFIG_NF_TABLES and nft 1.0 or later'),
    body: 'set s { type IP_addr; size 10; flags dynamic,timeout; timeout 10s; }\nchain c { update @s { IP saddr }; }',
  },
];

function tableWith(family: Family, body: string): string {
  const type = family.version === 4 ? 'ipv4' : 'ipv6';
  const { family: ip, name } = tableOf(family);
  const range = family.version === 4 ? '10.0.0.0/8' : 'fd00::/8';
  const text = body
    .replaceAll('IP_addr', `${type}_addr`)
    .replaceAll('RANGE', range)
    .replaceAll('IP saddr', `${ip} saddr`);
  return `table ${ip} ${name}-trial {\n${text}\n}\n`;
}

/** The structure of the mode itself, as it would be loaded. */
function wholeTrial(family: Family): string {
  const table = { ...tableOf(family), name: `${tableOf(family).name}-trial` };
  const clusterCIDR = parseCIDR(family.version === 4 ? '10.0.0.0/8' : 'fd00::/8');
  const options = { family, clusterCIDR, nodePortAddresses: [] };
  const parts = [fixedStructure(options), block(32, false, options), block(32, true, options)];
  const sets = parts.flatMap((part) => part.sets);
  const chains = parts.flatMap((part) => part.chains);
  return [
    `add table ${table.family} ${table.name}`,
    ...sets.map((one) => addSet(table, one)),
    ...chains.map((one) => addChain(table, one)),
    ...chains.flatMap((one) => addRules(table, one)),
  ].join('\n');
}

async function refusal(exec: Exec, text: string): Promise<CommandError | undefined> {
  try {
    await checkNft(exec, text);
    return undefined;
  } catch (error) {
    if (error instanceof CommandError) return error;
    throw error;
  }
}

/** One line for each thing that is missing, with what to do; empty when all is there. */
export async function missingFeatures(exec: Exec, family: Family): Promise<readonly string[]> {
  const whole = await refusal(exec, wholeTrial(family));
  const trials = features.map(async (feature) => ({
    feature,
    no: await refusal(exec, tableWith(family, feature.body)),
  }));
  if (whole?.missing === true) return ['nft is not installed: apt-get install nftables'];
  const found = (await Promise.all(trials)).filter(({ no }) => no !== undefined);
  if (found.length > 0)
    return found.map(({ feature, no }) => `${family.name}: no ${feature.what} (${firstLine(no)}): ${feature.remedy}`);
  if (whole === undefined) return [];
  return [
    `${family.name}: nft and the kernel refuse a table of Services (${firstLine(whole)}): use nft 1.0.6 or later`,
  ];
}

const firstLine = (error: CommandError | undefined): string =>
  (error?.stderr ?? '').split('\n')[0]?.slice(0, 200) ?? '';
