/** What a lab has in the kernel now: read from the kernel, never from a file of ours. */
import { existsSync } from 'node:fs';
import { readdir, readFile, readlink, realpath } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LabError } from './config.ts';
import { kernelNames } from './places.ts';
import { machineCgroup, type HostFacts } from './scripts.ts';

/** From a machine's first process to its supervisor: some ten milliseconds. */
const startBoundMs = 2_000;

/** `running`: something lives in it. `dead`: its control group is there and empty. `absent`: nothing is there. */
export type MachineState = 'running' | 'dead' | 'absent';

export interface ObservedLab {
  /** `whole`: namespace and host link both stand. `partial`: one of them. */
  readonly switch: 'whole' | 'partial' | 'absent';
  readonly hasNetns: boolean;
  readonly hasLink: boolean;
  /** Machines of which anything is there, also such as no config names. */
  readonly machines: ReadonlyMap<string, MachineState>;
}

/** Throws a LabError when the unified hierarchy is mounted nowhere. */
export async function readHostFacts(): Promise<HostFacts> {
  const files = ['hostname', 'hosts', 'resolv.conf'].map(async (file) => {
    const path = join('/etc', file);
    // A link that leads nowhere now (systemd-resolved is off) still counts: the machine gets the file it names.
    const target = await realpath(path).catch(() => readlink(path).then((link) => resolve('/etc', link)));
    return [file, target] as const;
  });
  const found = (await Promise.allSettled(files)).filter((result) => result.status === 'fulfilled');
  return { cgroupRoot: await findCgroupRoot(), etc: Object.fromEntries(found.map((result) => result.value)) };
}

async function findCgroupRoot(): Promise<string> {
  for (const line of (await readFile('/proc/self/mountinfo', 'utf8')).split('\n')) {
    const [before, after] = line.split(' - ');
    if (after?.startsWith('cgroup2 ')) return before?.split(' ')[4] ?? '/sys/fs/cgroup';
  }
  throw new LabError(
    'cgroup v2 is mounted nowhere: mount -t cgroup2 cgroup2 /sys/fs/cgroup (or /sys/fs/cgroup/unified)',
  );
}

export async function observeLab(lab: string, { cgroupRoot }: HostFacts): Promise<ObservedLab> {
  const { switchNetns, hostLink, alias } = kernelNames(lab);
  const [mounts, linkAlias, machines] = await Promise.all([
    readFile('/proc/self/mountinfo', 'utf8'),
    readFile(`/sys/class/net/${hostLink}/ifalias`, 'utf8').catch(() => undefined),
    observeMachines(join(cgroupRoot, 'podwire', lab)),
  ]);
  if (linkAlias !== undefined && linkAlias.trim() !== '' && linkAlias.trim() !== alias)
    throw new LabError(
      `link ${hostLink} is there and not ours (its alias is "${linkAlias.trim()}"): take another --name`,
    );
  const hasLink = linkAlias !== undefined;
  // A file without a mount is what a reboot leaves where /run is on disk; `ip netns delete` takes it away as well.
  const isMounted = mounts.includes(` /run/netns/${switchNetns} `);
  const hasNetns = isMounted || existsSync(`/run/netns/${switchNetns}`);
  const state = hasLink && isMounted ? 'whole' : hasLink || hasNetns ? 'partial' : 'absent';
  return { switch: state, hasNetns, hasLink, machines };
}

async function observeMachines(folder: string): Promise<Map<string, MachineState>> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  const states = await Promise.all(names.map(async (name) => [name, await isPopulated(join(folder, name))] as const));
  return new Map(states.map(([name, populated]) => [name, populated ? 'running' : 'dead']));
}

/** Whether any process is in this control group or below it. */
export async function isPopulated(group: string): Promise<boolean> {
  const events = await readFile(join(group, 'cgroup.events'), 'utf8').catch(() => '');
  return /^populated 1$/m.test(events);
}

async function processesOfInit(root: string, lab: string, machine: string): Promise<string[]> {
  const group = join(machineCgroup(root, lab, machine), 'init');
  return (await readFile(join(group, 'cgroup.procs'), 'utf8').catch(() => '')).split('\n').filter(Boolean);
}

/** The first process of a machine as the host numbers it; undefined when the machine is not running. */
export async function firstProcess(
  { cgroupRoot }: HostFacts,
  lab: string,
  machine: string,
): Promise<number | undefined> {
  for (const pid of await processesOfInit(cgroupRoot, lab, machine)) {
    const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
    if (/^NSpid:\t\d+\t1$/m.test(status)) return Number(pid);
  }
  return undefined;
}

/** As `firstProcess`, but waits for a machine that is on its way: its namespaces can be entered when its supervisor runs. */
export async function startedProcess(host: HostFacts, lab: string, machine: string): Promise<number | undefined> {
  for (const end = Date.now() + startBoundMs; Date.now() < end; await sleep(5)) {
    const pid = await firstProcess(host, lab, machine);
    const name = pid === undefined ? '' : await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '');
    if (name.trim() === 's6-svscan') return pid;
    if ((await processesOfInit(host.cgroupRoot, lab, machine)).length === 0) return undefined;
  }
  return undefined;
}
