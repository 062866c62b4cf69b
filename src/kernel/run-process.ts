/**
 * The one file that starts programs. Argument arrays only, never a shell; every run has a time limit and an output limit.
 */
import { ChildProcess, spawn } from 'node:child_process';
import { PassThrough, type Duplex, type Readable } from 'node:stream';
import { CommandError, type Command, type CommandResult, type Exec } from './exec.ts';

export type { ChildProcess };

const defaultTimeoutMs = 30_000;
const defaultMaxOutputBytes = 64 * 1024 * 1024;
/** A program that ended may have left a daemon that holds its pipes: after this long its output counts as complete. */
const pipeGraceMs = 250;

/** How a program's descriptors are set up by {@link spawnProgram}. */
export interface SpawnOptions {
  readonly stdio: readonly ('ignore' | 'pipe' | 'inherit' | 'ipc' | number)[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Own session and process group: it outlives a Ctrl-C given to us. */
  readonly detached?: boolean;
}

/**
 * Starts a program and leaves it to the caller. A program that is not there shows as an `error` event of the child.
 * Use {@link runProcess} or `startProcess` instead wherever they fit.
 */
export function spawnProgram(argv: readonly [string, ...string[]], options: SpawnOptions): ChildProcess {
  const [file, ...args] = argv;
  const child = begin(file, args, options);
  // Nobody has to listen: a start that failed, or a pipe that broke, must not end this process.
  child.on('error', () => undefined);
  for (const stream of child.stdio) stream?.on('error', () => undefined);
  return child;
}

function begin(file: string, args: readonly string[], { stdio, env, cwd, detached }: SpawnOptions): ChildProcess {
  try {
    return spawn(file, args, {
      stdio: [...stdio],
      ...(env === undefined ? {} : { env: { ...process.env, ...env } }),
      ...(cwd === undefined ? {} : { cwd }),
      detached: detached ?? false,
    });
  } catch (error) {
    return neverBegun(error, stdio);
  }
}

/** What Node throws at once (arguments too long, a NUL in one) takes the shape of all other failures. */
function neverBegun(error: unknown, stdio: SpawnOptions['stdio']): ChildProcess {
  const streams = stdio.map((kind) => (kind === 'pipe' ? new PassThrough().end() : null));
  for (const stream of streams) stream?.resume();
  const [stdin = null, stdout = null, stderr = null] = streams;
  const child: ChildProcess = Object.assign(Object.create(ChildProcess.prototype) as ChildProcess, {
    ...{ stdin, stdout, stderr, stdio: streams as unknown as ChildProcess['stdio'] },
    kill: () => false,
  });
  process.nextTick(() => child.emit('error', error));
  return child;
}

/** The argument array that enters the namespace first, when one is asked for. */
export function argvInNetns(argv: readonly [string, ...string[]], netns: string | undefined): [string, ...string[]] {
  return netns === undefined ? [...argv] : ['nsenter', `--net=${netns}`, '--', ...argv];
}

/** Runs a program to its end in this process; see {@link Exec}. */
export function runProcess(command: Command): Promise<CommandResult> {
  return new Run(command).result;
}

/** An Exec without a runner process: for the command line, tests, and the runner process itself. */
export function createDirectExec(): Exec {
  return { run: runProcess };
}

type End = {
  readonly exitCode?: number;
  readonly reason?: string;
  readonly timedOut?: boolean;
  readonly missing?: boolean;
};

/** One run: collects output, and settles once, whatever comes first. */
class Run {
  readonly result: Promise<CommandResult>;
  readonly #command: Command;
  readonly #child: ChildProcess;
  readonly #started = performance.now();
  readonly #stdout: Buffer[] = [];
  readonly #stderr: Buffer[] = [];
  readonly #timers: NodeJS.Timeout[] = [];
  #exit: End | undefined;
  #settle!: (end: End) => void;

  constructor(command: Command) {
    this.#command = command;
    const input = command.stdin === undefined || command.stdin === '' ? 'ignore' : 'pipe';
    const { reportPipe: report, inherit } = command;
    const beyond = inherit === undefined ? [] : [inherit];
    this.#child = spawnProgram(argvInNetns(command.argv, command.netns), {
      stdio: report === undefined ? [input, 'pipe', 'pipe', ...beyond] : [input, 'ignore', 'pipe', 'pipe'],
      env: { ...command.env, ...(report === undefined ? {} : { [report]: '3' }) },
    });
    this.result = new Promise((resolve, reject) => {
      this.#settle = (end) => {
        this.#settle = () => undefined;
        this.#release();
        const outcome = this.#outcome(end);
        if (outcome instanceof CommandError) reject(outcome);
        else resolve(outcome);
      };
    });
    this.#watch(input === 'pipe');
  }

  #watch(hasInput: boolean): void {
    const child = this.#child;
    const report = this.#command.reportPipe;
    const timeoutMs = this.#command.timeoutMs ?? defaultTimeoutMs;
    this.#after(timeoutMs, () => this.#kill({ reason: `timed out after ${timeoutMs} ms`, timedOut: true }));
    child.on('error', (error: NodeJS.ErrnoException) =>
      this.#settle({
        reason: error.code === 'ENOENT' ? 'not installed' : error.message,
        missing: error.code === 'ENOENT',
      }),
    );
    child.on('exit', (code, signal) => this.#exited(code, signal));
    child.on('close', () => this.#settle(report === undefined ? (this.#exit ?? {}) : this.#failedExit()));
    if (child.stdout !== null) this.#collect(child.stdout, this.#stdout);
    if (child.stderr !== null) this.#collect(child.stderr, this.#stderr);
    if (report !== undefined) this.#watchReport();
    if (hasInput && child.stdin !== null) {
      child.stdin.on('error', () => undefined); // it ended without reading all: its exit code tells the rest
      child.stdin.end(this.#command.stdin);
    }
  }

  #exited(code: number | null, signal: NodeJS.Signals | null): void {
    this.#exit = code === null ? { reason: `killed by ${signal}` } : { exitCode: code };
    // With a report pipe a zero exit says nothing yet: the daemon it left behind reports.
    if (this.#command.reportPipe !== undefined && code === 0) return;
    this.#after(pipeGraceMs, () => this.#settle(this.#exit ?? {}));
  }

  /** The first line on the report pipe is the result; a pipe closed without one is a failure. */
  #watchReport(): void {
    const pipe = this.#child.stdio[3] as Duplex | null | undefined;
    if (pipe === null || pipe === undefined) return;
    this.#collect(pipe, this.#stdout);
    pipe.on('data', (chunk: Buffer) => chunk.includes(10) && this.#settle({ exitCode: 0 }));
    pipe.on('end', () => this.#after(pipeGraceMs, () => this.#settle(this.#failedExit())));
  }

  #failedExit(): End {
    const exit = this.#exit;
    return exit === undefined || exit.exitCode === 0 ? { reason: 'ended without a report' } : exit;
  }

  #collect(stream: Readable, into: Buffer[]): void {
    const limit = this.#command.maxOutputBytes ?? defaultMaxOutputBytes;
    let size = 0;
    stream.on('error', () => undefined);
    stream.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > limit) this.#kill({ reason: `more than ${limit} bytes of output` });
      else into.push(chunk);
    });
  }

  #kill(end: End): void {
    this.#child.kill('SIGKILL');
    this.#settle(end);
  }

  #after(ms: number, action: () => void): void {
    this.#timers.push(setTimeout(action, ms));
  }

  #release(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    for (const stream of this.#child.stdio) stream?.destroy();
  }

  #outcome(end: End): CommandResult | CommandError {
    const facts = {
      stdout: Buffer.concat(this.#stdout).toString(),
      stderr: Buffer.concat(this.#stderr).toString(),
      durationMs: performance.now() - this.#started,
    };
    const { exitCode } = end;
    if (exitCode !== undefined && (this.#command.okExitCodes ?? [0]).includes(exitCode))
      return { exitCode, ...facts, pid: this.#child.pid };
    return new CommandError({
      argv: this.#command.argv,
      exitCode,
      ...facts,
      timedOut: end.timedOut ?? false,
      missing: end.missing ?? false,
      reason: end.reason ?? `exit code ${exitCode}`,
    });
  }
}
