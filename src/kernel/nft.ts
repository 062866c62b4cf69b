/** nftables through nft(8): text in nft's own language in, facts out. One call is one transaction: all of it or nothing. */
import { CommandError, type Exec } from './exec.ts';
import { parseTable, type NftSet, type NftTable } from './nft-listing.ts';

/** Which table is meant. */
export interface TableName {
  readonly family: 'ip' | 'ip6';
  readonly name: string;
}

const limits = { timeoutMs: 120_000, maxOutputBytes: 512 * 1024 * 1024 };

/** Has the kernel look at commands without carrying them out. Rejects with what it would refuse. */
export async function checkNft(exec: Exec, text: string): Promise<void> {
  await exec.run({ argv: ['nft', '--check', '-f', '-'], stdin: text, ...limits });
}

/** Everything in a table; undefined when there is none. Protocols are numbers: not every machine has /etc/protocols. */
export async function readTable(exec: Exec, { family, name }: TableName): Promise<NftTable | undefined> {
  try {
    const { stdout } = await exec.run({
      argv: ['nft', '--numeric-protocol', 'list', 'table', family, name],
      ...limits,
    });
    return parseTable(stdout);
  } catch (error) {
    if (isNoSuchObject(error)) return undefined;
    throw error;
  }
}

/** Takes a table away with everything in it, at once. False when there was none, or no nft to make one. */
export async function deleteTable(exec: Exec, { family, name }: TableName): Promise<boolean> {
  try {
    await exec.run({ argv: ['nft', 'delete', 'table', family, name] });
    return true;
  } catch (error) {
    if (isNoSuchObject(error) || (error instanceof CommandError && error.missing)) return false;
    throw error;
  }
}

/** nft names a table, chain, map or element that is not there. */
export function isNoSuchObject(error: unknown): boolean {
  return error instanceof CommandError && error.stderr.includes('No such file or directory');
}

/** Packets of each named counter of a table; none when there is no such table. */
export async function readCounters(exec: Exec, { family, name }: TableName): Promise<ReadonlyMap<string, number>> {
  try {
    const { stdout } = await exec.run({ argv: ['nft', 'list', 'counters', 'table', family, name], ...limits });
    const found = stdout.matchAll(/\tcounter (\S+) \{[^}]*?packets (\d+) bytes/g);
    return new Map([...found].map(([, counter = '', packets]) => [counter, Number(packets)]));
  } catch (error) {
    if (isNoSuchObject(error)) return new Map();
    throw error;
  }
}

/** One set or map of a table; undefined when it is not there. */
export async function readSet(exec: Exec, { family, name }: TableName, set: string): Promise<NftSet | undefined> {
  try {
    const argv = ['nft', '--numeric-protocol', 'list', 'set', family, name, set] as const;
    const { stdout } = await exec.run({ argv: [...argv], ...limits });
    return parseTable(stdout).sets.get(set);
  } catch (error) {
    if (isNoSuchObject(error)) return undefined;
    throw error;
  }
}
