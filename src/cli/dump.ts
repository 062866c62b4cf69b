/** What one wants to see of a lab after something went wrong. */
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CommandError, type Exec } from '../kernel/exec.ts';
import { labPlaces, LabError, machinePlaces, type Lab, type MachineStatus } from '../lab/index.ts';
import { openLab } from './lab-options.ts';

/** Commands whose output is taken in each machine. */
const inMachine: Readonly<Record<string, readonly [string, ...string[]]>> = {
  addresses: ['ip', '-details', 'address'],
  routes: ['ip', 'route', 'show', 'table', 'all'],
  rules: ['iptables-save', '-c'],
  'rules.nft': ['nft', 'list', 'ruleset'],
  namespaces: ['ip', 'netns'],
  processes: ['ps', '-eo', 'pid,ppid,etimes,rss,args'],
  mounts: ['cat', '/proc/self/mountinfo'],
};

const kinds = 'nodes,pods,services,endpointslices,deployments,replicasets,daemonsets,networkpolicies';
const inCluster: Readonly<Record<string, readonly string[]>> = {
  objects: ['get', kinds, '--all-namespaces', '-o', 'wide'],
  'objects.yaml': ['get', kinds, '--all-namespaces', '-o', 'yaml'],
  events: ['get', 'events', '--all-namespaces'],
};

/** Writes into `folder`, which is made; resolves with how many outputs it took. What fails is written down as such. */
export async function dumpLab(name: string, folder: string): Promise<number> {
  const { lab, exec } = openLab(name);
  const status = await lab.status();
  if (status === undefined) throw new LabError(`there is no lab ${name}`);
  // Logs and the environment of pods are nobody else's business.
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeFile(join(folder, 'status.json'), JSON.stringify(status, undefined, 2));
  const { kubeconfig } = labPlaces(name);
  const cluster = Object.entries(inCluster).map(([file, args]) =>
    take(exec, join(folder, file), ['kubectl', '--kubeconfig', kubeconfig, '--request-timeout=10s', ...args]),
  );
  await Promise.all([...cluster, ...status.machines.map((machine) => dumpMachine(lab, exec, name, machine, folder))]);
  return 1 + cluster.length + status.machines.length * Object.keys(inMachine).length;
}

async function dumpMachine(lab: Lab, exec: Exec, name: string, machine: MachineStatus, folder: string): Promise<void> {
  const own = join(folder, machine.name);
  await mkdir(own, { recursive: true });
  await cp(join(machinePlaces(name, machine.name).log, 'podwire'), join(own, 'logs'), { recursive: true });
  if (machine.state !== 'running') return;
  const enter = await lab.enter(machine.name);
  await Promise.all(Object.entries(inMachine).map(([file, argv]) => take(exec, join(own, file), [...enter, ...argv])));
}

async function take(exec: Exec, path: string, argv: [string, ...string[]]): Promise<void> {
  try {
    await writeFile(path, (await exec.run({ argv, timeoutMs: 20_000 })).stdout);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    await writeFile(path, `${error.message}\n`);
  }
}
