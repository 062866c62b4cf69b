/** What a machine is, where that decides how a node on it behaves: kernel, memory, control groups, the variant of iptables. */
import { readFile } from 'node:fs/promises';
import { availableControllers, cgroupLayout, type CgroupMode } from './cgroup.ts';
import type { Exec } from './exec.ts';
import type { Problem } from './preflight.ts';

export interface Machine {
  /** As `uname -r` has it. */
  readonly kernel: string;
  readonly memoryMiB: number;
  readonly cgroupMode: CgroupMode;
  /** Of the v2 hierarchy; on a hybrid machine most are bound to v1. */
  readonly controllers: readonly string[];
  /** What `iptables --version` prints. */
  readonly iptables: string;
  /** Tables that the legacy variant has made: their rules hold as well, and are seen by nobody who lists those of the other one. */
  readonly legacyTables: readonly string[];
  /** What `nft --version` prints, undefined where there is none: for the proxy's fast mode and for traces. */
  readonly nft: string | undefined;
}

/** Changes nothing. Rejects where there is no iptables, or no control group at all. */
export async function lookAtMachine(exec: Exec): Promise<Machine> {
  const read = (path: string): Promise<string> => readFile(path, 'utf8').catch(() => '');
  const version = async (program: string): Promise<string> =>
    (await exec.run({ argv: [program, '--version'], timeoutMs: 5_000 })).stdout.trim();
  const cgroups = cgroupLayout();
  const [kernel, memory, tables, iptables, nft, controllers] = await Promise.all([
    read('/proc/sys/kernel/osrelease'),
    read('/proc/meminfo'),
    read('/proc/net/ip_tables_names'),
    version('iptables'),
    version('nft').catch(() => undefined),
    availableControllers(cgroups),
  ]);
  return {
    kernel: kernel.trim(),
    memoryMiB: Math.floor(Number(/^MemTotal:\s+(\d+) kB$/m.exec(memory)?.[1] ?? 'NaN') / 1024),
    cgroupMode: cgroups.mode,
    controllers,
    iptables,
    legacyTables: tables.split('\n').filter((line) => line !== ''),
    nft,
  };
}

/** The agent alone takes 120 MiB, and a control plane as much. */
const leastMemoryMiB = 400;
/** From there on the kernel ends a whole control group at once (`cgroup.kill`). */
const leastKernel = [5, 14] as const;

export interface Verdict {
  /** What a node cannot run with. */
  readonly problems: readonly Problem[];
  /** What it runs with, but not as one may expect. */
  readonly notes: readonly Problem[];
}

/** What of it stands in a node's way, or will surprise. */
export function judgeMachine(machine: Machine): Verdict {
  return { problems: [...tooOld(machine), ...tooSmall(machine)], notes: [...limits(machine), ...variant(machine)] };
}

function tooOld({ kernel }: Machine): Problem[] {
  const [major = 0, minor = 0] = kernel.split('.').map(Number);
  if (major > leastKernel[0] || (major === leastKernel[0] && minor >= leastKernel[1])) return [];
  return [{ what: `the kernel is ${kernel}`, remedy: `use one from ${leastKernel.join('.')} on` }];
}

function tooSmall({ memoryMiB }: Machine): Problem[] {
  if (!(memoryMiB < leastMemoryMiB)) return [];
  const what = `there are only ${memoryMiB} MiB of memory`;
  return [{ what, remedy: `give the machine ${leastMemoryMiB} MiB, and more for its pods` }];
}

function limits({ cgroupMode, controllers }: Machine): Problem[] {
  if (cgroupMode === 'v1') return [];
  const missing = ['cpu', 'memory', 'pids'].filter((name) => !controllers.includes(name));
  if (missing.length === 0) return [];
  const what = `control groups are ${cgroupMode}, without ${missing.join(', ')} in the v2 hierarchy: limits of pods are not set`;
  return [{ what, remedy: 'start the kernel with systemd.unified_cgroup_hierarchy=1' }];
}

function variant({ iptables, legacyTables }: Machine): Problem[] {
  if (!iptables.includes('nf_tables') || legacyTables.length === 0) return [];
  const what = `somebody uses iptables-legacy (tables ${legacyTables.join(', ')}) beside ${iptables}: packets pass both, each lists its own`;
  return [{ what, remedy: 'update-alternatives --set iptables /usr/sbin/iptables-nft, and reboot' }];
}
