/** What `up` needs of the machine it runs on, and what a node needs of the machine that it is. */
import { judgeMachine, lookAtMachine } from '../kernel/machine.ts';
import { preflight, type Problem } from '../kernel/preflight.ts';
import type { Exec } from '../kernel/exec.ts';
import { LabError, type LabConfig } from '../lab/index.ts';
import { offloadProblem } from './doctor/offload.ts';

const nodePrograms = {
  ip: 'iproute2',
  'iptables-restore': 'iptables',
  'iptables-save': 'iptables',
  conntrack: 'conntrack',
  conmon: 'conmon',
  crun: 'crun',
  catatonit: 'catatonit',
  busybox: 'busybox-static',
  sysctl: 'procps',
  tar: 'tar',
  perl: 'perl-base',
  unshare: 'util-linux',
  nsenter: 'util-linux',
  mount: 'mount',
} as const;

const labPrograms = {
  ...nodePrograms,
  bash: 'bash',
  's6-svscan': 's6',
  's6-ipcserver': 's6',
  's6-log': 's6',
  's6-supervise': 's6',
  flock: 'util-linux',
  setsid: 'util-linux',
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
    programs: labPrograms,
    ranges: rangesOf(config),
    ownLink: `pw-${config.name}`,
    // An agent has one, for its folder of static pods; the host's own programs have a few as well.
    inotifyInstances: 2 * config.nodes.length + 16,
  });
  if (problems.length === 0) return;
  throw new LabError(`this machine is not ready for a lab (nothing was changed):\n${listed(problems).join('\n')}`);
}

const listed = (problems: readonly Problem[]): string[] => problems.map(({ what, remedy }) => `  - ${what}: ${remedy}`);

/** As lines, whether this very machine could be a node of a cluster, and what it is. */
export async function examineHost(exec: Exec): Promise<{ readonly lines: readonly string[]; readonly ready: boolean }> {
  const missing = await preflight(exec, { programs: nodePrograms, inotifyInstances: 16 });
  // Without the programs there is no more to be asked.
  if (missing.some(({ what }) => /is not installed|not run as root/.test(what)))
    return { lines: verdictLines(missing, []), ready: false };
  const [machine, offload] = await Promise.all([lookAtMachine(exec), offloadProblem(exec)]);
  const { problems, notes } = judgeMachine(machine);
  const { kernel, memoryMiB, cgroupMode, controllers, iptables, nft = 'no nft' } = machine;
  const facts = [
    `kernel ${kernel}, ${memoryMiB} MiB of memory`,
    `control groups: ${cgroupMode}, controllers of v2: ${controllers.join(' ') || 'none'}`,
    `${iptables}; ${nft}`,
  ];
  const all = [...missing, ...problems];
  return {
    lines: [...facts, ...verdictLines(all, offload === undefined ? notes : [...notes, offload])],
    ready: all.length === 0,
  };
}

function verdictLines(problems: readonly Problem[], notes: readonly Problem[]): string[] {
  return [
    ...(notes.length === 0 ? [] : ['worth knowing:', ...listed(notes)]),
    ...(problems.length === 0
      ? ['this machine can be a node.']
      : ['this machine cannot be a node (nothing was changed):', ...listed(problems)]),
  ];
}
