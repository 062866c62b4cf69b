/**
 * iptables through iptables-save and iptables-restore, never rule by rule. Works with both back ends (nf_tables and
 * legacy); `-w` waits for the lock of the legacy one.
 */
import type { Family } from './family.ts';
import type { Exec } from './exec.ts';

export type TableName = 'raw' | 'mangle' | 'nat' | 'filter';

/** Rules of each chain of each table, in order, as they stand after `-A CHAIN `. */
export type RuleSet = ReadonlyMap<string, ReadonlyMap<string, readonly string[]>>;

/** Reads what iptables-save printed. */
export function parseSave(text: string): RuleSet {
  const tables = new Map<string, Map<string, string[]>>();
  let table = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    if (line.startsWith('*')) {
      table = new Map();
      tables.set(line.slice(1).trim(), table);
    } else if (line.startsWith(':')) table.set(line.slice(1, line.indexOf(' ')), []);
    else if (line.startsWith('-A ')) {
      const end = line.indexOf(' ', 3);
      const chain = end < 0 ? line.slice(3) : line.slice(3, end);
      const rules = table.get(chain) ?? [];
      if (rules.length === 0) table.set(chain, rules);
      rules.push(end < 0 ? '' : line.slice(end + 1).trimEnd());
    }
  }
  return tables;
}

/** The words of a rule, quotes taken off: two texts of one rule have the same words. */
export function ruleWords(rule: string): readonly string[] {
  const words: string[] = [];
  for (const match of rule.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)) {
    words.push(match[1] === undefined ? (match[2] ?? '') : match[1].replaceAll(/\\(.)/g, '$1'));
  }
  return words;
}

/** Whether two texts say the same rule, however their comments are quoted. */
export function sameRule(a: string, b: string): boolean {
  return a === b || ruleWords(a).join('\0') === ruleWords(b).join('\0');
}

/** The chain or verdict that a rule goes to. */
export function targetOf(rule: string): string | undefined {
  // Most rules end in `-j TARGET …` without quotes behind it: ten thousands of them are not taken apart.
  const last = rule.lastIndexOf(' -j ');
  const tail = last < 0 ? '"' : rule.slice(last + 4);
  if (!tail.includes('"') && !rule.endsWith('--comment', last)) return tail.split(' ', 1)[0];
  const words = ruleWords(rule);
  const at = words.findIndex((word, index) => (word === '-j' || word === '-g') && words[index - 1] !== '--comment');
  return at < 0 ? undefined : words[at + 1];
}

/** Longest comment the kernel takes, its end mark not counted. */
const maxComment = 255;

/** `-m comment --comment "…"` with what could end the quotes or the line taken out. */
export function comment(text: string): string {
  return `-m comment --comment "${text.replaceAll(/["\\'\u0000-\u001f]/g, '_').slice(0, maxComment)}"`;
}

/**
 * `-m statistic --mode random --probability P` for one in `n`, in the very text that iptables-save prints: the kernel keeps
 * the probability as a number of 31 bits.
 */
export function oneIn(n: number): string {
  const probability = Math.round(0x80000000 / n) / 0x80000000;
  return `-m statistic --mode random --probability ${probability.toFixed(11)}`;
}

/** Every table that is in use. */
export async function readRules(exec: Exec, family: Family): Promise<RuleSet> {
  const { stdout } = await exec.run({ argv: [family.save], maxOutputBytes: 512 * 1024 * 1024 });
  return parseSave(stdout);
}

/**
 * Hands text in the format of iptables-save to the kernel, without flushing what it does not name. Each table block is
 * atomic; when a block fails the blocks before it stay. Rejects with iptables-restore's words. Resolves with its pid, by which
 * the kernel's notices name who wrote.
 */
export async function restoreRules(exec: Exec, family: Family, input: string): Promise<number | undefined> {
  const { pid } = await exec.run({ argv: [family.restore, '--noflush', '-w', '10'], stdin: input, timeoutMs: 120_000 });
  return pid;
}

/** Two implementations of iptables, each with tables of its own that the other does not show. */
export type IptablesVariant = 'nf_tables' | 'legacy';

/** To which of them the tools speak. */
export async function iptablesBackend(exec: Exec, family: Family): Promise<IptablesVariant> {
  const { stdout } = await exec.run({ argv: [family.restore, '--version'] });
  return stdout.includes('nf_tables') ? 'nf_tables' : 'legacy';
}

/** The family with the tools of one variant, whichever the plain names stand for. They may not be installed. */
export function inVariant(family: Family, variant: IptablesVariant): Family {
  const name = `${family.tool}-${variant === 'legacy' ? 'legacy' : 'nft'}`;
  return { ...family, save: `${name}-save`, restore: `${name}-restore` };
}
