/** Memory of idle clusters (three nodes and control plane), both up, as PSS of their processes. */
import { readdir, readFile } from 'node:fs/promises';
import { contenders } from './contenders.ts';
import { table, type Round } from './figures.ts';

/** MiB of proportional set size, and how many processes, of those whose control group has `part` in its path. */
async function usage(part: string): Promise<Round> {
  let pss = 0;
  let processes = 0;
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    if (!(await readFile(`/proc/${pid}/cgroup`, 'utf8').catch(() => '')).includes(part)) continue;
    const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '');
    pss += Number(/^Pss:\s+(\d+)/m.exec(rollup)?.[1] ?? 0) / 1024;
    processes++;
  }
  return { 'PSS, MiB': Math.round(pss), processes };
}

const rounds: Record<string, Round[]> = {};
for (const { name, cgroup } of contenders()) rounds[name] = [await usage(cgroup)];
console.log(table(rounds));
console.log(JSON.stringify({ bench: 'memory', rounds }));
