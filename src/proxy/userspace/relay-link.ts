/** The relay's address on `lo`. */
import type { Exec } from '../../kernel/exec.ts';
import type { Family } from '../../kernel/family.ts';
import { relayAddress } from './relayed-table.ts';

const cidr = (family: Family): string => `${relayAddress(family)}/${family.bits}`;

/** There afterwards, and usable at once. An IPv4 address can carry a word that says whose it is, an IPv6 one cannot. */
export async function addRelayAddress(exec: Exec, family: Family): Promise<void> {
  const more = family.version === 6 ? ['nodad'] : ['label', 'lo:podwire'];
  await exec.run({ argv: ['ip', family.ipFlag, 'address', 'replace', cidr(family), 'dev', 'lo', ...more] });
}

/** Gone afterwards; it may not have been there. */
export async function removeRelayAddress(exec: Exec, family: Family): Promise<boolean> {
  const argv = ['ip', family.ipFlag, 'address', 'delete', cidr(family), 'dev', 'lo'] as const;
  return (await exec.run({ argv, okExitCodes: [0, 2] })).exitCode === 0;
}
