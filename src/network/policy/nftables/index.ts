/** The nftables back end of NetworkPolicy. */
import { CommandError, type Exec } from '../../../kernel/exec.ts';
import type { Family } from '../../../kernel/family.ts';
import { checkNft, deleteTable, readTable, type TableName } from '../../../kernel/nft.ts';
import type { PolicyMode } from '../back-end.ts';
import { createNftPolicyBackEnd } from './back-end.ts';
import { objectsOf } from './objects.ts';
import { loadCommands } from './plan.ts';
import { tableOf } from './structure.ts';

/** The structure itself, as it would be loaded with one profile. */
function trial(family: Family): string {
  const ip = family.version === 4 ? '192.0.2.1' : '2001:db8::1';
  const profile = { name: 'in-trial', direction: 'ingress', policies: ['a/b'], lines: [] } as const;
  const table = {
    isolated: { ingress: new Map([[ip, { pod: 'a/b', profile: 'in-trial' }]]), egress: new Map() },
    profiles: new Map([[profile.name, profile]]),
    sets: new Map(),
  };
  const name = { ...tableOf(family), name: `${tableOf(family).name}-trial` };
  return `${loadCommands(name, objectsOf(table, family), false).join('\n')}\n`;
}

async function missing(exec: Exec, family: Family): Promise<readonly string[]> {
  try {
    await checkNft(exec, trial(family));
    return [];
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    if (error.missing) return ['nft is not installed: apt-get install nftables'];
    const words = error.stderr.split('\n')[0]?.slice(0, 200) ?? '';
    return [`${family.name}: nft and the kernel refuse a table of policies (${words}): use nft 1.0.6 or later`];
  }
}

async function isThere(exec: Exec, table: TableName): Promise<boolean> {
  try {
    return (await readTable(exec, table)) !== undefined;
  } catch (error) {
    if (error instanceof CommandError && error.missing) return false;
    throw error;
  }
}

export const nftablesPolicies: PolicyMode = {
  name: 'nftables',
  missing,
  create: createNftPolicyBackEnd,
  cleanUp: async (exec, family) => {
    const table = tableOf(family);
    // Listed first: a start writes nothing where there is nothing.
    const isGone = (await isThere(exec, table)) && (await deleteTable(exec, table));
    const object = `table ${table.family} ${table.name}`;
    return isGone ? [{ action: 'delete', object, reason: 'the node has another mode' }] : [];
  },
};
