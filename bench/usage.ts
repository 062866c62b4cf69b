/** What a cluster's processes use, by their control group. */
import { readdir, readFile } from 'node:fs/promises';

export interface Usage {
  /** MiB of proportional set size. */
  readonly pss: number;
  readonly processes: number;
  /** Seconds of CPU so far, of those that are alive and of the children that they waited for. */
  readonly cpuSeconds: number;
}

/** USER_HZ: the unit of /proc/PID/stat, the same on every Linux that Node runs on. */
const ticksPerSecond = 100;

/** Of those processes whose control group has `part` in its path. */
export async function usageOf(part: string): Promise<Usage> {
  let [pss, processes, ticks] = [0, 0, 0];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const read = (file: string): Promise<string> => readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '');
    if (!(await read('cgroup')).includes(part)) continue;
    pss += Number(/^Pss:\s+(\d+)/m.exec(await read('smaps_rollup'))?.[1] ?? 0) / 1024;
    processes++;
    const stat = await read('stat');
    // Behind the name, which may hold anything: field 14 and the three after it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    ticks += fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  }
  return { pss, processes, cpuSeconds: ticks / ticksPerSecond };
}

/** MiB that the kernel says a new program could have. */
export async function memoryAvailable(): Promise<number> {
  return Number(/^MemAvailable:\s+(\d+)/m.exec(await readFile('/proc/meminfo', 'utf8'))?.[1] ?? 0) / 1024;
}
