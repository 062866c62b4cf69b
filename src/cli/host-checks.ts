/** What `up` needs of the machine it runs on. */
import { preflight } from '../kernel/preflight.ts';
import type { Exec } from '../kernel/exec.ts';
import { LabError, type LabConfig } from '../lab/index.ts';

const programs = {
  bash: 'bash',
  ip: 'iproute2',
  'iptables-restore': 'iptables',
  'iptables-save': 'iptables',
  conntrack: 'conntrack',
  conmon: 'conmon',
  crun: 'crun',
  catatonit: 'catatonit',
  busybox: 'busybox-static',
  's6-svscan': 's6',
  's6-ipcserver': 's6',
  's6-log': 's6',
  's6-supervise': 's6',
  sysctl: 'procps',
  tar: 'tar',
  perl: 'perl-base',
  flock: 'util-linux',
  setsid: 'util-linux',
  unshare: 'util-linux',
  nsenter: 'util-linux',
  mount: 'mount',
} as const;

/** By the option that asks for another one. */
function rangesOf({ nodeCIDR, podCIDR, serviceCIDR, ipv6 }: LabConfig): Record<string, string> {
  const ipv4 = { 'node-cidr': nodeCIDR, 'pod-cidr': podCIDR, 'service-cidr': serviceCIDR };
  if (ipv6 === undefined) return ipv4;
  return {
    ...ipv4,
    'node-cidr (IPv6)': ipv6.nodeCIDR,
    'pod-cidr (IPv6)': ipv6.podCIDR,
    'service-cidr (IPv6)': ipv6.serviceCIDR,
  };
}

/** Rejects with a LabError that has one line for each thing missing. Nothing has been changed then. */
export async function checkHost(exec: Exec, config: LabConfig): Promise<void> {
  const problems = await preflight(exec, {
    programs,
    ranges: rangesOf(config),
    ownLink: `pw-${config.name}`,
    // An agent has one, for its folder of static pods; the host's own programs have a few as well.
    inotifyInstances: 2 * config.nodes.length + 16,
  });
  if (problems.length === 0) return;
  const lines = problems.map(({ what, remedy }) => `  - ${what}: ${remedy}`);
  throw new LabError(`this machine is not ready for a lab (nothing was changed):\n${lines.join('\n')}`);
}
