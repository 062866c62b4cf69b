/** Memory of idle clusters (three nodes and control plane), both up, as PSS of their processes. */
import { contenders } from './contenders.ts';
import { table, type Round } from './figures.ts';
import { usageOf } from './usage.ts';

const rounds: Record<string, Round[]> = {};
for (const { name, cgroup } of contenders()) {
  const { pss, processes } = await usageOf(cgroup);
  rounds[name] = [{ 'PSS, MiB': Math.round(pss), processes }];
}
console.log(table(rounds));
console.log(JSON.stringify({ bench: 'memory', rounds }));
