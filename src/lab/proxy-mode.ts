/** How Services get into the kernels of a lab's nodes, and how a running node is taken from one mode to another. */
import { readFile } from 'node:fs/promises';
import type { LabConfig } from './config.ts';
import { firstProcess, type ObservedLab } from './observed.ts';
import { inside } from './places.ts';
import { machineCgroup, type HostFacts } from './scripts.ts';

/** The flag that an agent is started with. */
export const proxyModeFlag = (config: LabConfig): string => `--proxy-mode=${config.kubeProxyMode ?? 'iptables'}`;

/** Nodes that run an agent of another mode than the config asks for. */
export async function nodesOfOtherMode(config: LabConfig, observed: ObservedLab, host: HostFacts): Promise<string[]> {
  const running = config.nodes.filter((name) => observed.machines.get(name) === 'running');
  const other = running.map(async (name) => {
    const pid = await firstProcess(host, config.name, name);
    const run = await readFile(`/proc/${pid}/root${inside.services}/agent/run`, 'utf8').catch(() => undefined);
    // A machine that ends at this moment is none of our business here.
    return run === undefined || run.includes(` ${proxyModeFlag(config)}`) ? [] : [name];
  });
  return (await Promise.all(other)).flat();
}

/** Gives each machine's supervisor the new command, and has it start the agent anew; pods and flows go on meanwhile. */
export function renewAgentsScript(config: LabConfig, nodes: readonly string[], { cgroupRoot }: HostFacts): string {
  const groups = nodes.map((name) => machineCgroup(cgroupRoot, config.name, name));
  return [
    `for group in ${groups.join(' ')}; do`,
    '  read -r pid < $group/init/cgroup.procs; root=/proc/$pid/root',
    `  cp -p $root${inside.machine}/service/agent/run $root${inside.services}/agent/run.new`,
    `  mv $root${inside.services}/agent/run.new $root${inside.services}/agent/run`,
    `  s6-svc -r $root${inside.services}/agent`,
    'done',
  ].join('\n');
}
