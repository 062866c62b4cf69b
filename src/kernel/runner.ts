import type { ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Socket } from 'node:net';
import type { Logger } from '../api/logger.ts';
import { CommandError, type Command, type CommandResult, type Exec } from './exec.ts';
import { readFrames, writeFrame } from './frames.ts';
import { spawnProgram } from './run-process.ts';
import { runnerArgument, runnerDescriptor } from './runner-process.ts';

/** The arguments after `node` that make a runner: this file's neighbour when run from source, the bundle itself otherwise. */
function defaultEntry(): readonly string[] {
  if (import.meta.filename.endsWith('.ts')) return [join(import.meta.dirname, 'runner-process.ts')];
  return [process.argv[1] ?? import.meta.filename, runnerArgument];
}

interface Pending {
  readonly command: Command;
  readonly startedAt: number;
  resolve(result: CommandResult): void;
  reject(error: CommandError): void;
}

interface Reply {
  readonly id: number;
  readonly result?: CommandResult;
  readonly error?: Omit<CommandError, 'name' | 'message' | 'stack' | 'cause'>;
}

/** An Exec whose programs are children of a small process of its own. */
export interface Runner extends Exec {
  /** Ends the runner process. Programs that still run are left alone, their calls reject. */
  close(): Promise<void>;
}

/**
 * Starts a runner. Do it before the caller's memory grows. When the runner dies, calls under way reject with a CommandError
 * (nobody knows what became of them, so nothing is run twice) and the next call starts a new one.
 */
export async function createRunner(options: {
  readonly logger: Logger;
  readonly entry?: readonly string[];
}): Promise<Runner> {
  const runner = new ForkedRunner(options.logger, options.entry ?? defaultEntry());
  await runner.run({ argv: ['true'] }); // it stands and answers
  return runner;
}

class ForkedRunner implements Runner {
  readonly #logger: Logger;
  readonly #entry: readonly string[];
  readonly #pending = new Map<number, Pending>();
  #child: ChildProcess | undefined;
  #socket: Socket | undefined;
  #lastId = 0;
  #groups: readonly string[] = [];
  #closed = false;

  constructor(logger: Logger, entry: readonly string[]) {
    this.#logger = logger;
    this.#entry = entry;
  }

  run(command: Command): Promise<CommandResult> {
    return new Promise((resolve, reject) => {
      const pending: Pending = { command, startedAt: performance.now(), resolve, reject };
      if (this.#closed) return reject(lost(pending, 'the runner was closed'));
      const id = ++this.#lastId;
      this.#socket ??= this.#fork();
      this.#pending.set(id, pending);
      writeFrame(this.#socket, { id, command });
    });
  }

  placeStarter(files: readonly string[]): void {
    this.#groups = files;
    if (this.#child?.pid !== undefined) joinGroups(files, this.#child.pid);
  }

  async close(): Promise<void> {
    this.#closed = true;
    const child = this.#child;
    if (child === undefined) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    this.#socket?.destroy();
    await gone;
  }

  #fork(): Socket {
    const child = spawnProgram([process.execPath, ...this.#entry], { stdio: ['ignore', 'inherit', 'inherit', 'pipe'] });
    const socket = child.stdio[runnerDescriptor] as unknown as Socket;
    this.#child = child;
    if (child.pid !== undefined) joinGroups(this.#groups, child.pid);
    child.on('error', (error) => this.#lose(child, error.message));
    child.on('exit', (code, signal) => this.#lose(child, `the runner process ended (${signal ?? code})`));
    socket.on('error', () => undefined); // the exit event follows
    readFrames(socket, (message) => this.#settle(message as Reply));
    return socket;
  }

  #settle(reply: Reply): void {
    const pending = this.#pending.get(reply.id);
    if (pending === undefined) return;
    this.#pending.delete(reply.id);
    if (reply.result !== undefined) pending.resolve(reply.result);
    else if (reply.error !== undefined) pending.reject(new CommandError(reply.error));
  }

  #lose(child: ChildProcess, reason: string): void {
    if (this.#child !== child) return;
    this.#child = undefined;
    this.#socket = undefined;
    if (!this.#closed)
      this.#logger.error('runner lost, the next command starts a new one', { reason, pending: this.#pending.size });
    for (const pending of this.#pending.values()) pending.reject(lost(pending, reason));
    this.#pending.clear();
  }
}

/** Best effort: a hierarchy may not let it, and the process may have ended. */
function joinGroups(files: readonly string[], pid: number): void {
  for (const file of files) {
    try {
      writeFileSync(file, String(pid));
    } catch {
      // Told above.
    }
  }
}

function lost({ command, startedAt }: Pending, reason: string): CommandError {
  const durationMs = performance.now() - startedAt;
  return new CommandError({
    argv: command.argv,
    exitCode: undefined,
    stdout: '',
    stderr: '',
    durationMs,
    timedOut: false,
    missing: false,
    reason,
  });
}
