/** Carries a plan out. Each step may be repeated: a plan that was cut short is completed by the next one. */
import { readdir, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Exec } from '../kernel/exec.ts';
import { LabError, type LabConfig } from './config.ts';
import { firstProcess, isPopulated } from './observed.ts';
import { scriptOf, type LabPlan, type LabStep } from './plan.ts';
import { machineCgroup, type HostFacts } from './scripts.ts';

/** Long enough for the store to close; containers get no grace, as on a machine that is switched off. */
const gracefulMs = 3000;
const killMs = 10_000;

export async function applyPlan(plan: LabPlan, config: LabConfig, host: HostFacts, exec: Exec): Promise<void> {
  for (const group of groupByKind(plan)) await Promise.all(group.map((step) => applyStep(step, config, host, exec)));
  await removeEmptyParents(config.name, host);
}

/** Neighbours of one kind go together. */
function groupByKind(plan: LabPlan): LabStep[][] {
  const groups: LabStep[][] = [];
  for (const step of plan) {
    const last = groups.at(-1);
    if (last?.[0]?.kind === step.kind) last.push(step);
    else groups.push([step]);
  }
  return groups;
}

async function applyStep(step: LabStep, config: LabConfig, host: HostFacts, exec: Exec): Promise<void> {
  if (step.kind === 'end-machine') await endMachine(step.machine, step.graceful, config.name, host);
  if (step.kind === 'clear-machine') await removeTree(machineCgroup(host.cgroupRoot, config.name, step.machine));
  const script = scriptOf(step, config, host);
  // Removing says what was not there any more on its exit code; whether it is gone is seen by the next look.
  const okExitCodes = step.kind === 'clear-machine' || step.kind === 'remove-switch' ? [0, 1] : [0];
  if (script !== undefined) await exec.run({ argv: ['bash', '-eu', '-c', script], okExitCodes });
}

/** The end of its first process is the end of every process in it: the kernel sees to that. */
async function endMachine(machine: string, graceful: boolean, lab: string, host: HostFacts): Promise<void> {
  const group = machineCgroup(host.cgroupRoot, lab, machine);
  const pid = await firstProcess(host, lab, machine);
  if (graceful && pid !== undefined) {
    signal(pid, 'SIGTERM');
    if (await untilEmpty(group, gracefulMs)) return;
  }
  await writeFile(join(group, 'cgroup.kill'), '1').catch(() => pid !== undefined && signal(pid, 'SIGKILL'));
  if (!(await untilEmpty(group, killMs)))
    throw new LabError(`${machine} of lab ${lab} does not end: see the processes in ${group}`);
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It ended meanwhile.
  }
}

/** cgroup.events has no time-out of its own, and a dying machine takes a few milliseconds: a short look now and then. */
async function untilEmpty(group: string, limitMs: number): Promise<boolean> {
  const end = performance.now() + limitMs;
  while (await isPopulated(group)) {
    if (performance.now() > end) return false;
    await sleep(4);
  }
  return true;
}

/** Removes a control group and all below it, deepest first. */
async function removeTree(group: string): Promise<void> {
  const entries = await readdir(group, { withFileTypes: true }).catch(() => []);
  await Promise.all(entries.filter((entry) => entry.isDirectory()).map((entry) => removeTree(join(group, entry.name))));
  await rmdir(group).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
}

/** The groups of the lab and of all labs, once nothing is in them. */
async function removeEmptyParents(lab: string, host: HostFacts): Promise<void> {
  for (const group of [join(host.cgroupRoot, 'podwire', lab), join(host.cgroupRoot, 'podwire')])
    await rmdir(group).catch(() => undefined); // not empty, or not there
}
