/** Rules of another Service proxy on this node: whoever put podwire in its place may have forgotten them, and packets meet them first. */
import type { Exec } from '../kernel/exec.ts';

/** What each leaves behind, as `nft list chains` prints it; iptables-nft is that too. */
const marks = [
  { pattern: /^\tchain KUBE-SERVICES \{$/m, what: 'chains KUBE-SERVICES, …', whose: 'kube-proxy' },
  { pattern: /^table (ip|ip6) kube-proxy \{$/m, what: 'table kube-proxy', whose: 'kube-proxy' },
] as const;

/** One sentence each; nothing where nft is missing. Never rejects. */
export async function foreignProxies(exec: Exec): Promise<readonly string[]> {
  const listed = await exec.run({ argv: ['nft', 'list', 'chains'] }).catch(() => undefined);
  return marks
    .filter(({ pattern }) => pattern.test(listed?.stdout ?? ''))
    .map(
      ({ what, whose }) =>
        `rules of ${whose} are still there (${what}): packets may meet them first, and endpoints that are gone; run ${whose} --cleanup`,
    );
}
