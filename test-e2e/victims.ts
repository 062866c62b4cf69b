/** Processes of a lab's machines as the host numbers them, found by what they are, to be killed. */
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';

export interface Process {
  readonly pid: number;
  /** Its arguments, joined by spaces. */
  readonly command: string;
  /** Its control group below the machine's. */
  readonly group: string;
}

/** By a word for people: how a process of that kind is told from others. */
const kinds = {
  agent: ({ group, command }) => group === '/system/agent' && command.includes(' agent '),
  'control plane': ({ group }) => group === '/system/control-plane',
  runner: ({ command }) => command.endsWith(' internal-runner'),
  'agent’s supervisor': ({ command }) => command === 's6-supervise agent',
  'control plane’s supervisor': ({ command }) => command === 's6-supervise control-plane',
  log: ({ command }) => command.startsWith('s6-log '),
  'log’s supervisor': ({ command }) => /^s6-supervise .*\/log$/.test(command),
  'first process': ({ command }) => command.startsWith('s6-svscan '),
  pause: ({ group, command }) => isOfPod(group) && isPause(command),
  container: ({ group, command }) => isOfPod(group) && !isPause(command),
  conmon: ({ command }) => command.startsWith('conmon '),
} satisfies Record<string, (process: Process) => boolean>;

export type Kind = keyof typeof kinds;

const isOfPod = (group: string): boolean => /^\/kubepods\/pod/.test(group);
const isPause = (command: string): boolean => /^\/pause\b|catatonit/.test(command);

/** Everything that runs in a machine of the lab; what has ended and waits for its parent is left out. */
async function processesOf(lab: string, machine: string): Promise<Process[]> {
  const found: Process[] = [];
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const groups = await readFile(`/proc/${entry}/cgroup`, 'utf8').catch(() => '');
    const group = new RegExp(`^0::/podwire/${lab}/${machine}(/.*)$`, 'm').exec(groups)?.[1];
    if (group === undefined) continue;
    const command = (await readFile(`/proc/${entry}/cmdline`, 'utf8').catch(() => '')).replaceAll('\0', ' ').trim();
    if (command !== '') found.push({ pid: Number(entry), command, group });
  }
  return found;
}

/** All of a kind in a machine, oldest first. */
export async function findAll(lab: string, machine: string, kind: Kind): Promise<Process[]> {
  return (await processesOf(lab, machine)).filter(kinds[kind]).sort((a, b) => a.pid - b.pid);
}

/** The only or the first one of its kind; fails when there is none. */
export async function find(lab: string, machine: string, kind: Kind): Promise<Process> {
  const [first] = await findAll(lab, machine, kind);
  return first ?? assert.fail(`${machine} of ${lab} has no ${kind}`);
}

/** `kill -9`; of no matter when it ended by itself meanwhile. */
export function killNow({ pid }: Pick<Process, 'pid'>): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
