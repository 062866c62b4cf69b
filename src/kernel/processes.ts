import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** A process for good: pids are used again, a pid with its start time (clock ticks since boot) is not. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startTime: number;
}

/** Reads the state letter and field 22 of `/proc/PID/stat`; the name before them may hold spaces and brackets. */
export function parseProcessStat(text: string): { readonly state: string; readonly startTime: number } | undefined {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state] = fields;
  const startTime = Number(fields[19]);
  return state === undefined || !Number.isSafeInteger(startTime) ? undefined : { state, startTime };
}

/** Who has this pid now; undefined when nobody has, or only a zombie. */
export function identify(pid: number): ProcessIdentity | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return undefined;
  }
  const stat = parseProcessStat(text);
  return stat === undefined || stat.state === 'Z' || stat.state === 'X'
    ? undefined
    : { pid, startTime: stat.startTime };
}

/** Whether that very process still runs. */
export function isAlive(process: ProcessIdentity): boolean {
  return identify(process.pid)?.startTime === process.startTime;
}

/** Sends a signal to that very process; false when it is gone. */
export function signalProcess(target: ProcessIdentity, signal: NodeJS.Signals | number): boolean {
  if (!isAlive(target)) return false;
  try {
    return process.kill(target.pid, signal);
  } catch {
    return false;
  }
}

/** Whether the process has a handler for the signal: the mask is what `SigCgt` of `/proc/PID/status` shows. False when it is gone. */
export function catchesSignal({ pid }: ProcessIdentity, signal: number): boolean {
  try {
    const mask = /^SigCgt:\t([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? '0';
    return ((BigInt(`0x${mask}`) >> BigInt(signal - 1)) & 1n) === 1n;
  } catch {
    return false;
  }
}

/** Processes of this PID namespace by their arguments; those of machines in namespaces of their own are somebody else's. */
export function processesWhose(test: (argv: readonly string[]) => boolean): ProcessIdentity[] {
  const own = namespaceOf('self');
  return readdirSync('/proc').flatMap((entry) => {
    if (!/^\d+$/.test(entry) || namespaceOf(entry) !== own) return [];
    const found = test(argumentsOf(entry)) ? identify(Number(entry)) : undefined;
    return found === undefined ? [] : [found];
  });
}

function namespaceOf(pid: string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return undefined;
  }
}

function argumentsOf(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return [];
  }
}
