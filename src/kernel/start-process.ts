/** Programs that somebody talks to while they run: streams, or a terminal. */
import { once } from 'node:events';
import { Readable, Writable } from 'node:stream';
import type { IPty } from '@lydell/node-pty';
import { argvInNetns, spawnProgram, type ChildProcess } from './run-process.ts';

export interface StartOptions {
  readonly argv: readonly [string, ...string[]];
  /** Gives it a terminal of its own, of this size in characters. */
  readonly tty?: { readonly columns: number; readonly rows: number };
  /** Without, its standard input is empty. A terminal always has one. */
  readonly stdin?: boolean;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Run it inside the network namespace at this path. */
  readonly netns?: string;
}

/** How a program ended: exactly one of both is set. */
export interface ProcessEnd {
  readonly exitCode: number | undefined;
  readonly signal: string | undefined;
}

/** A running program. All streams must be read or destroyed, or it may block. */
export interface RunningProcess {
  readonly pid: number;
  readonly stdin: Writable | undefined;
  readonly stdout: Readable;
  /** Missing with a terminal, which mixes both. */
  readonly stderr: Readable | undefined;
  /** Never rejects. Output may still be on its way when it resolves. */
  readonly ended: Promise<ProcessEnd>;
  /** No-op without a terminal. */
  resize(columns: number, rows: number): void;
  /** Sends a signal, TERM by default; nothing when it ended before. */
  kill(signal?: NodeJS.Signals): void;
}

/** Starts a program as a child of this very process. Rejects when it could not be started. */
export function startProcess(options: StartOptions): Promise<RunningProcess> {
  return options.tty === undefined ? startWithPipes(options) : startWithTerminal(options, options.tty);
}

async function startWithPipes(options: StartOptions): Promise<RunningProcess> {
  const child = spawnProgram(argvInNetns(options.argv, options.netns), {
    stdio: [options.stdin === true ? 'pipe' : 'ignore', 'pipe', 'pipe'],
    ...(options.env === undefined ? {} : { env: options.env }),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  const ended = new Promise<ProcessEnd>((resolve) =>
    child.once('exit', (code, signal) => resolve({ exitCode: code ?? undefined, signal: signal ?? undefined })),
  );
  await once(child, 'spawn');
  child.on('error', () => undefined); // a signal that could not be sent: it ended
  for (const stream of child.stdio) stream?.on('error', () => undefined);
  return {
    ...facts(child),
    stdin: child.stdin ?? undefined,
    ended,
    resize: () => undefined,
    kill: (signal) => void child.kill(signal),
  };
}

function facts(child: ChildProcess): Pick<RunningProcess, 'pid' | 'stdout' | 'stderr'> {
  if (child.pid === undefined || child.stdout === null || child.stderr === null)
    throw new Error('started without pipes');
  return { pid: child.pid, stdout: child.stdout, stderr: child.stderr };
}

async function startWithTerminal(
  options: StartOptions,
  size: { columns: number; rows: number },
): Promise<RunningProcess> {
  const { spawn } = await import('@lydell/node-pty'); // native and rarely needed: loaded at the first terminal
  const [file, ...args] = argvInNetns(options.argv, options.netns);
  const pty = spawn(file, args, {
    name: 'xterm',
    cols: size.columns,
    rows: size.rows,
    encoding: null,
    env: { ...process.env, ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  let running = true;
  const stdout = terminalOutput(pty);
  const ended = new Promise<ProcessEnd>((resolve) =>
    pty.onExit(({ exitCode, signal }) => {
      running = false;
      stdout.push(null);
      const killed = signal !== undefined && signal !== 0;
      resolve({ exitCode: killed ? undefined : exitCode, signal: killed ? `signal ${signal}` : undefined });
    }),
  );
  return {
    pid: pty.pid,
    stdin: terminalInput(pty, () => running),
    stdout,
    stderr: undefined,
    ended,
    resize: (columns, rows) => running && columns > 0 && rows > 0 && pty.resize(columns, rows),
    kill: (signal) => running && pty.kill(signal ?? 'SIGTERM'),
  };
}

function terminalOutput(pty: IPty): Readable {
  const stdout = new Readable({ read: () => pty.resume(), destroy: (_error, done) => (pty.resume(), done(null)) });
  pty.onData((data) => {
    if (!stdout.destroyed && !stdout.push(data)) pty.pause();
  });
  return stdout;
}

/** Closing it sends the terminal's end-of-file character, as a person would. */
function terminalInput(pty: IPty, isRunning: () => boolean): Writable {
  const send = (data: Buffer | string): void => {
    if (isRunning()) pty.write(data as string); // its types know no bytes, its socket does
  };
  return new Writable({
    write: (chunk: Buffer, _encoding, done) => (send(chunk), done()),
    final: (done) => (send('\x04'), done()),
  });
}
