/** The iptables back end of NetworkPolicy. */
import { silentLogger } from '../../../api/logger.ts';
import type { Change } from '../../../kernel/change.ts';
import { CommandError, type Exec } from '../../../kernel/exec.ts';
import type { Family } from '../../../kernel/family.ts';
import type { PolicyMode } from '../back-end.ts';
import { createIptablesPolicyBackEnd } from './back-end.ts';

/** What is needed, tried in a network namespace that is gone a moment later. */
function trial(family: Family): string {
  const inet = family.version === 4 ? 'inet' : 'inet6';
  const sets = ['hash:ip comment', 'hash:net comment', 'hash:ip,port comment', 'hash:ip,port,ip timeout 300 counters'];
  const rules = [
    '-m set --match-set trial-0 src -m conntrack --ctstate RELATED,ESTABLISHED -m comment --comment a -j RETURN',
    '-p tcp -m set --match-set trial-2 dst,dst -m multiport --dports 1,2:3 -j RETURN',
    '-p sctp -j SET --add-set trial-3 src,dst,dst --exist',
  ].map((rule) => `-A TRIAL ${rule}`);
  const lines = sets.map((text, index) => {
    const [type = '', ...options] = text.split(' ');
    return `create trial-${index} ${type} family ${inet} ${options.join(' ')}`;
  });
  const restore = ['*filter', ':TRIAL - [0:0]', ...rules, 'COMMIT'];
  return [...lines, '--', ...restore].join('\n');
}

async function missing(exec: Exec, family: Family): Promise<readonly string[]> {
  const [sets = '', rules = ''] = trial(family).split('\n--\n');
  const inside = ['unshare', '--net'] as const;
  const script = `printf '%s\\n' "$1" | ipset restore && printf '%s\\n' "$2" | ${family.restore} --noflush -w 10`;
  try {
    await exec.run({ argv: ['ipset', '--version'] });
    await exec.run({ argv: [...inside, 'sh', '-c', script, 'trial', sets, rules] });
    return [];
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    if (error.missing || error.exitCode === 127) return ['ipset is not installed: apt-get install ipset'];
    const words = error.stderr.trim().split('\n')[0]?.slice(0, 200) ?? '';
    return [`${family.name}: ipset or ${family.tool} refuse what policies need (${words}): load xt_set and ip_set`];
  }
}

const emptyTable = {
  isolated: { ingress: new Map<string, never>(), egress: new Map<string, never>() },
  profiles: new Map<string, never>(),
  sets: new Map<string, never>(),
};

export const iptablesPolicies: PolicyMode = {
  name: 'iptables',
  missing,
  create: createIptablesPolicyBackEnd,
  cleanUp: async (exec, family): Promise<readonly Change[]> => {
    const backEnd = createIptablesPolicyBackEnd({
      exec,
      family,
      logger: silentLogger,
      signal: new AbortController().signal,
    });
    return backEnd.sync(emptyTable, undefined);
  },
};
