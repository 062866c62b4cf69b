/**
 * PODS pods (90) at once on clusters that are up: how long it takes, what each costs in memory, and what all cost while nothing happens.
 * Beside the peer, one after the other.
 */
import { execa } from 'execa';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { contenders, type Contender } from './contenders.ts';
import { table, type Round } from './figures.ts';
import { memoryAvailable, usageOf } from './usage.ts';

const count = Number(process.env['PODS'] ?? '90');
/** What is written after the last pod is Ready, and collected after the last one is gone. */
const settleMs = 10_000;
const idleMs = 30_000;

/** Percent of one core, while nobody asks for anything. */
async function idleCpu(cgroup: string): Promise<number> {
  const before = await usageOf(cgroup);
  const start = performance.now();
  await sleep(idleMs);
  const after = await usageOf(cgroup);
  return ((after.cpuSeconds - before.cpuSeconds) / ((performance.now() - start) / 1000)) * 100;
}

async function measure({ kubeconfig, image, cgroup, enter = [] }: Contender): Promise<Round> {
  const [before, availableBefore] = [await usageOf(cgroup), await memoryAvailable()];
  const argv = [...enter, process.execPath, `${import.meta.dirname}/density-pods.ts`, kubeconfig, image, String(count)];
  const [program = 'false', ...args] = argv;
  const pods = execa(program, args, { stdin: 'pipe', stdout: 'pipe', stderr: 'inherit', buffer: false });
  const lines = createInterface({ input: pods.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<Record<string, number>> =>
    JSON.parse(String((await lines.next()).value ?? '{}')) as Record<string, number>;
  const { ready = Number.NaN } = await next();
  const busy = await usageOf(cgroup);
  await sleep(settleMs);
  const [after, availableAfter] = [await usageOf(cgroup), await memoryAvailable()];
  const idle = await idleCpu(cgroup);
  pods.stdin.end();
  const { gone = Number.NaN } = await next();
  await pods;
  const round = (value: number): number => Math.round(value * 100) / 100;
  return {
    [`${count} at once, all Ready, ms`]: ready,
    'a pod, ms': round(ready / count),
    'CPU a pod, ms': round(((busy.cpuSeconds - before.cpuSeconds) / count) * 1000),
    [`${count} at once, all gone, ms`]: gone,
    'PSS before, MiB': round(before.pss),
    'PSS a pod, MiB': round((after.pss - before.pss) / count),
    'MemAvailable a pod, MiB': round((availableBefore - availableAfter) / count),
    'idle with them, % of a core': round(idle),
  };
}

const rounds: Record<string, Round[]> = {};
for (let round = 0; round < Number(process.env['ROUNDS'] ?? '1'); round++) {
  for (const contender of contenders()) {
    const figures = await measure(contender);
    (rounds[contender.name] ??= []).push(figures);
    console.error(`round ${round + 1}, ${contender.name}: ${JSON.stringify(figures)}`);
  }
}
console.log(table(rounds));
console.log(JSON.stringify({ bench: 'density', rounds }));
