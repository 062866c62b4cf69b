/** What a lab has in the kernel now: read from the kernel, never from a file of ours. */
import { existsSync } from 'node:fs';
import { access, constants, readdir, readFile, readlink, realpath } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LabError } from './config.ts';
import { imageDoorName } from './image-door.ts';
import { internetName } from './internet.ts';
import { kernelNames } from './places.ts';
import { machineCgroup, type HostFacts } from './scripts.ts';

/** From a machine's first process to its supervisor, or from a supervisor's death to that of all below it: some ten milliseconds. */
const settleBoundMs = 2_000;
const lookMs = 5;

/**
 * `running`: its supervisor lives. `headless`: something lives in it, and no supervisor comes. `dead`: its control group is there
 * and empty. `absent`: nothing is there.
 */
export type MachineState = 'running' | 'headless' | 'dead' | 'absent';

export interface ObservedLab {
  /** `whole`: namespace and host link stand, and the link says that all was made. `partial`: not all of it. */
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
  return {
    cgroupRoot: await findCgroupRoot(),
    etc: Object.fromEntries(found.map((result) => result.value)),
    internet: {
      hasDefaultRoute: hasDefaultRoute(await readFile('/proc/net/route', 'utf8').catch(() => '')),
      missing: await missingForInternet(),
    },
  };
}

/** `routes` is /proc/net/route: the second column is the destination, the eighth the mask. */
function hasDefaultRoute(routes: string): boolean {
  return routes.split('\n').some((line) => {
    const columns = line.split('\t');
    return columns[1] === '00000000' && columns[7] === '00000000';
  });
}

async function missingForInternet(): Promise<string | undefined> {
  const isThere = (path: string, mode: number): Promise<boolean> =>
    access(path, mode).then(
      () => true,
      () => false,
    );
  const folders = (process.env['PATH'] ?? '').split(':').filter(Boolean);
  const programs = folders.map((folder) => isThere(join(folder, 'slirp4netns'), constants.X_OK));
  if (!(await Promise.all(programs)).includes(true))
    return 'slirp4netns is not installed (apt-get install slirp4netns)';
  return (await isThere('/dev/net/tun', constants.R_OK)) ? undefined : 'there is no /dev/net/tun (modprobe tun)';
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
  const { switchNetns, hostLink, alias, unfinished } = kernelNames(lab);
  const [mounts, linkAlias, machines] = await Promise.all([
    readFile('/proc/self/mountinfo', 'utf8'),
    readFile(`/sys/class/net/${hostLink}/ifalias`, 'utf8').catch(() => undefined),
    observeMachines(join(cgroupRoot, 'podwire', lab)),
  ]);
  const mark = linkAlias?.trim();
  // A link gets its alias some microseconds after it was made.
  if (mark !== undefined && ![alias, unfinished, ''].includes(mark))
    throw new LabError(`link ${hostLink} is there and not ours (its alias is "${mark}"): take another --name`);
  const hasLink = mark !== undefined;
  // A file without a mount is what a reboot leaves where /run is on disk; `ip netns delete` takes it away as well.
  const isMounted = mounts.includes(` /run/netns/${switchNetns} `);
  const hasNetns = isMounted || existsSync(`/run/netns/${switchNetns}`);
  const state = mark === alias && isMounted ? 'whole' : hasLink || hasNetns ? 'partial' : 'absent';
  return { switch: state, hasNetns, hasLink, machines };
}

async function observeMachines(folder: string): Promise<Map<string, MachineState>> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  return new Map(await Promise.all(names.map(async (name) => [name, await settledState(folder, name)] as const)));
}

/**
 * What a machine's control group comes to. A supervisor that was killed takes all else along, but some milliseconds later, in
 * which the group still has processes, of which `cgroup.procs` may already show none.
 */
async function settledState(folder: string, name: string): Promise<MachineState> {
  const group = join(folder, name);
  for (const end = performance.now() + settleBoundMs; ; await sleep(lookMs)) {
    if (!(await isPopulated(group))) return 'dead';
    if (await hasSupervisor(folder, name)) return 'running';
    if (performance.now() > end) return 'headless';
  }
}

/** Whether any process is in this control group or below it. */
export async function isPopulated(group: string): Promise<boolean> {
  const events = await readFile(join(group, 'cgroup.events'), 'utf8').catch(() => '');
  return /^populated 1$/m.test(events);
}

/** The first process of a machine; of what runs on the host itself, who supervises it. */
async function hasSupervisor(folder: string, name: string): Promise<boolean> {
  const [place, program] = [imageDoorName, internetName].includes(name) ? ['', 's6-supervise'] : ['init', 's6-svscan'];
  const processes = await processesIn(join(folder, name, place));
  return processes.some(({ status }) => status.startsWith(`Name:\t${program}\n`) && !isKilled(status));
}

/** Processes that are directly in this group, each with /proc/PID/status. */
async function processesIn(group: string): Promise<{ readonly pid: number; readonly status: string }[]> {
  const pids = (await readFile(join(group, 'cgroup.procs'), 'utf8').catch(() => '')).split('\n').filter(Boolean);
  const read = async (pid: string): Promise<{ pid: number; status: string }> => ({
    pid: Number(pid),
    status: await readFile(`/proc/${pid}/status`, 'utf8').catch(() => ''),
  });
  return Promise.all(pids.map(read));
}

/** A zombie, or SIGKILL (bit 8 of the pending signals) was sent and not acted on yet. */
function isKilled(status: string): boolean {
  return /^State:\t[ZX]/m.test(status) || /^S(hd|ig)Pnd:\t[0-9a-f]*[13579bdf][0-9a-f]{2}$/m.test(status);
}

/** The first process of a machine as the host numbers it; undefined when the machine is not running. */
export async function firstProcess(
  { cgroupRoot }: HostFacts,
  lab: string,
  machine: string,
): Promise<number | undefined> {
  const processes = await processesIn(join(machineCgroup(cgroupRoot, lab, machine), 'init'));
  return processes.find(({ status }) => /^NSpid:\t\d+\t1$/m.test(status))?.pid;
}

/** As `firstProcess`, but waits for a machine that is on its way: its namespaces can be entered when its supervisor runs. */
export async function startedProcess(host: HostFacts, lab: string, machine: string): Promise<number | undefined> {
  const state = await settledState(join(host.cgroupRoot, 'podwire', lab), machine);
  return state === 'running' ? firstProcess(host, lab, machine) : undefined;
}
