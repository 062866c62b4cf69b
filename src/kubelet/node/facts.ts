/** What the machine is: read once, at start. */
import { readFile, statfs } from 'node:fs/promises';
import { availableParallelism, cpus, release, totalmem } from 'node:os';

export interface MachineFacts {
  readonly cpus: number;
  readonly memoryBytes: number;
  /** Of the file system that holds the kubelet's state. */
  readonly diskBytes: number;
  readonly machineID: string;
  readonly systemUUID: string;
  readonly bootID: string;
  readonly kernelVersion: string;
  /** e.g. `Debian GNU/Linux 12 (bookworm)` */
  readonly osImage: string;
  /** As Go calls it: `amd64`, `arm64` … */
  readonly architecture: string;
}

const architectures: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386' };

async function textOf(path: string): Promise<string> {
  return (await readFile(path, 'utf8').catch(() => '')).trim();
}

/** Reads /proc, /sys and /etc; what cannot be read is empty. `stateDir` must exist. */
export async function readMachineFacts(stateDir: string): Promise<MachineFacts> {
  const [machineID, systemUUID, bootID, osRelease, disk] = await Promise.all([
    textOf('/etc/machine-id'),
    textOf('/sys/class/dmi/id/product_uuid'),
    textOf('/proc/sys/kernel/random/boot_id'),
    textOf('/etc/os-release'),
    statfs(stateDir),
  ]);
  return {
    cpus: availableParallelism() || cpus().length,
    memoryBytes: totalmem(),
    diskBytes: disk.blocks * disk.bsize,
    machineID,
    systemUUID: systemUUID === '' ? machineID : systemUUID,
    bootID,
    kernelVersion: release(),
    osImage: /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(osRelease)?.[1] ?? 'Linux',
    architecture: architectures[process.arch] ?? process.arch,
  };
}
