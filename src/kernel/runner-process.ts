/**
 * The small process that starts programs for a big one: `fork` copies page tables, so a spawn from a process of 300 MB
 * blocks its event loop for 5 ms, and from this one for less than 1 ms.
 */
import { Socket } from 'node:net';
import { CommandError, type Command } from './exec.ts';
import { readFrames, writeFrame } from './frames.ts';
import { runProcess } from './run-process.ts';

/** First argument of the bundled command line that makes it a runner: `node podwire.mjs internal-runner`. */
export const runnerArgument = 'internal-runner';

/** The descriptor both ends share: one socket, frames in both directions. */
export const runnerDescriptor = 3;

export interface RunnerRequest {
  readonly id: number;
  readonly command: Command;
}

/** Runs what the parent asks until the parent closes the socket or dies; then this process ends. */
export function serveRunner(): void {
  const socket = new Socket({ fd: runnerDescriptor, readable: true, writable: true });
  const end = (): never => process.exit(0);
  socket.on('close', end);
  socket.on('error', end);
  process.on('SIGINT', () => undefined); // Ctrl-C reaches the whole group: the parent decides
  process.on('SIGTERM', () => undefined);
  readFrames(socket, (message) => {
    const { id, command } = message as RunnerRequest;
    runProcess(command).then(
      (result) => writeFrame(socket, { id, result }),
      (error: unknown) => writeFrame(socket, { id, error: factsOf(command, error) }),
    );
  });
}

function factsOf(command: Command, error: unknown): Omit<CommandError, 'name' | 'message' | 'stack' | 'cause'> {
  if (error instanceof CommandError) {
    const { argv, reason, exitCode, stdout, stderr, durationMs, timedOut, missing } = error;
    return { argv, reason, exitCode, stdout, stderr, durationMs, timedOut, missing };
  }
  const reason = error instanceof Error ? error.message : String(error);
  return {
    argv: command.argv,
    reason,
    exitCode: undefined,
    stdout: '',
    stderr: '',
    durationMs: 0,
    timedOut: false,
    missing: false,
  };
}

// Run from source this file is the program; inside the bundle the command line calls serveRunner.
if (import.meta.main && import.meta.filename.endsWith('runner-process.ts')) serveRunner();
