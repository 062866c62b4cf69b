/**
 * The one door to other programs. Everything above `kernel` takes an {@link Exec} as an argument, so that its
 * tests put a fake there and need no root.
 */
import type { RunningProcess, StartOptions } from './start-process.ts';

/** A program to run once. No shell is ever involved. */
export interface Command {
  /** Program and arguments, e.g. `['ip', '-batch', '-']`. */
  readonly argv: readonly [string, ...string[]];
  /** Text for its standard input; none means an empty input. */
  readonly stdin?: string;
  /** After this many milliseconds it is killed and the promise rejects. Default 30,000. */
  readonly timeoutMs?: number;
  /** Bytes of stdout and of stderr kept at most; more rejects. Default 64 MiB. */
  readonly maxOutputBytes?: number;
  /** Variables added to the environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Run it inside the network namespace at this path (`/run/netns/NAME`), by nsenter, never `ip netns exec`. */
  readonly netns?: string;
  /** Exit codes that do not reject. Default `[0]`. */
  readonly okExitCodes?: readonly number[];
  /**
   * For a program that goes on as a daemon and reports on a pipe when it is ready (conmon: `_OCI_SYNCPIPE`): the name of the
   * variable that tells it the pipe's descriptor. The promise resolves with its first line there as `stdout`.
   */
  readonly reportPipe?: string;
  /** A descriptor of ours that it gets as its number 3. Not together with a report pipe, and not through a runner, which has it not. */
  readonly inherit?: number;
}

/** What a program that ended left. */
export interface CommandResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly durationMs: number;
  /** What it was as a process: by its pid the kernel names who wrote. */
  readonly pid?: number | undefined;
}

/** Runs programs. Rejects with a {@link CommandError} on any exit code not in `okExitCodes`, a time-out, or a missing program. */
export interface Exec {
  run(command: Command): Promise<CommandResult>;
  /** Starts a program that one goes on talking to, where `run` runs its programs. Missing: as a child of this very process (`startProcess`). */
  start?(options: StartOptions): Promise<RunningProcess>;
  /**
   * Only where programs are children of another process than this one: that process joins the control groups of these
   * `cgroup.procs` files, now, and so does each that takes its place, before it starts anything.
   */
  placeStarter?(files: readonly string[]): void;
}

/** Why a program did not do what was asked: carries the command, its exit, stderr, duration, and a boolean per cause. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly argv: readonly string[];
  /** In a few words: `exit code 2`, `timed out after 1000 ms`, `not installed`. */
  readonly reason: string;
  readonly exitCode: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
  readonly durationMs: number;
  readonly timedOut: boolean;
  /** The program itself is not installed. */
  readonly missing: boolean;

  constructor(facts: Omit<CommandError, 'name' | 'message' | 'stack' | 'cause'>) {
    super(
      `${facts.argv.join(' ')}: ${facts.reason}${facts.stderr === '' ? '' : `: ${facts.stderr.trim().slice(0, 2000)}`}`,
    );
    this.argv = facts.argv;
    this.reason = facts.reason;
    this.exitCode = facts.exitCode;
    this.stdout = facts.stdout;
    this.stderr = facts.stderr;
    this.durationMs = facts.durationMs;
    this.timedOut = facts.timedOut;
    this.missing = facts.missing;
  }
}
