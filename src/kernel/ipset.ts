/** ipset(8): sets of addresses that rules of iptables ask. Its commands take effect one by one, in order, never together. */
import { CommandError, type Exec } from './exec.ts';

export interface IpSet {
  /** Its type: `hash:ip`. */
  readonly type: string;
  /** Members with the text behind them (comment, timeout, counters). */
  readonly members: ReadonlyMap<string, string>;
}

/** Reads what `ipset save` printed. */
export function parseIpSets(text: string): ReadonlyMap<string, IpSet> {
  const sets = new Map<string, { type: string; members: Map<string, string> }>();
  for (const line of text.split('\n')) {
    const [, verb, name = '', first = '', rest = ''] = /^(create|add) (\S+) (\S+)(?: (.*))?$/.exec(line.trim()) ?? [];
    if (verb === 'create') sets.set(name, { type: first, members: new Map() });
    else if (verb === 'add') sets.get(name)?.members.set(first, rest.trim());
  }
  return sets;
}

/** All sets of the namespace; none where the program is not installed. */
export async function readIpSets(exec: Exec): Promise<ReadonlyMap<string, IpSet>> {
  try {
    const { stdout } = await exec.run({ argv: ['ipset', 'save'], maxOutputBytes: 512 * 1024 * 1024 });
    return parseIpSets(stdout);
  } catch (error) {
    if (error instanceof CommandError && error.missing) return new Map();
    throw error;
  }
}

/** Carries lines out in order: what is there already or gone already is no failure. Stops at the first that fails. */
export async function restoreIpSets(exec: Exec, lines: readonly string[]): Promise<void> {
  if (lines.length === 0) return;
  const stdin = `${lines.join('\n')}\n`;
  await exec.run({ argv: ['ipset', '-exist', 'restore'], stdin, timeoutMs: 120_000 });
}

/** nf_tables lets go of a set a moment after the rule that asked it went. */
export function isSetInUse(error: unknown): boolean {
  return error instanceof CommandError && error.stderr.includes('in use by a kernel component');
}
