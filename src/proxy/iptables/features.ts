/** Whether this machine's iptables can do what the rules need: tried in a network namespace that is gone a moment later. */
import { CommandError, type Exec } from '../../kernel/exec.ts';
import type { Family } from '../../kernel/family.ts';

/** What is needed, as a rule of the nat or filter table that needs little else. */
const features = {
  'comments (xt_comment)': 'nat -m comment --comment "a b"',
  'random choice (xt_statistic)': 'nat -m statistic --mode random --probability 0.5',
  'matching on connections (xt_conntrack)': 'nat -m conntrack --ctstate NEW,DNAT',
  'matching on address types (xt_addrtype)': 'nat -m addrtype --dst-type LOCAL',
  'session affinity (xt_recent)': 'nat -m recent --set --name PW-PROBE --rsource',
  'ports of SCTP (xt_sctp)': 'nat -p sctp -m sctp --dport 80',
  'marks (xt_mark)': 'nat -m mark --mark 0x20000/0x20000 -j MARK --set-xmark 0x0/0x20000',
  'translation (xt_nat)': 'nat -p tcp -j DNAT --to-destination',
  'masquerade (xt_MASQUERADE)': 'nat -j MASQUERADE --random-fully',
  'refusals (xt_REJECT)': 'filter -p tcp -j REJECT --reject-with tcp-reset',
} as const;

function lines(family: Family, rules: readonly string[]): string {
  const target = family.version === 6 ? '[fd00::1]:80' : '192.0.2.1:80';
  const block = (table: string): string => {
    const own = rules.filter((rule) => rule.startsWith(`${table} `)).map((rule) => rule.slice(table.length + 1));
    if (own.length === 0) return '';
    const text = own.map((rule) => `-A PW-PROBE ${rule}${rule.endsWith('--to-destination') ? ` ${target}` : ''}`);
    // A chain that a hook leads to is looked at as a whole: MASQUERADE and DNAT each refuse the other's hook.
    return [`*${table}`, ':PW-PROBE - [0:0]', ...text, 'COMMIT', ''].join('\n');
  };
  return block('nat') + block('filter');
}

/** What the tools said, when the kernel or they refused. */
async function refused(exec: Exec, family: Family, rules: readonly string[]): Promise<string | undefined> {
  try {
    const argv = ['unshare', '--net', family.restore, '--noflush', '-w', '10'] as const;
    await exec.run({ argv, stdin: lines(family, rules) });
    return undefined;
  } catch (error) {
    if (error instanceof CommandError) return error.stderr.trim().split('\n')[0] ?? error.reason;
    throw error;
  }
}

/** What is missing, each with what to do. One program runs when nothing is. */
export async function missingFeatures(exec: Exec, family: Family): Promise<readonly string[]> {
  for (const program of [family.restore, family.save]) {
    const found = await exec.run({ argv: [program, '--version'] }).catch((error: unknown) => error);
    if (found instanceof CommandError)
      return [`${program} does not run (${found.reason}): install the package iptables`];
  }
  if ((await refused(exec, family, Object.values(features))) === undefined) return [];
  const missing: string[] = [];
  for (const [name, rule] of Object.entries(features)) {
    const words = await refused(exec, family, [rule]);
    if (words !== undefined)
      missing.push(
        `${family.tool} has no ${name}: load the kernel module of that name, or take a kernel with it (${words})`,
      );
  }
  return missing.length > 0 ? missing : [`${family.tool} refuses rules that it takes one by one: see \`dmesg\``];
}
