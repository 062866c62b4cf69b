/** A program in the place of this one: its terminal, its signals, its exit code. */
import { constants } from 'node:os';
import { CommandError } from '../kernel/exec.ts';
import { spawnProgram } from '../kernel/run-process.ts';

/** Resolves with the exit code as a shell would give it: 128 + N for signal N. Rejects with a CommandError when it is missing. */
export async function runInForeground(
  argv: readonly [string, ...string[]],
  env?: Readonly<Record<string, string>>,
): Promise<number> {
  const child = spawnProgram(argv, { stdio: ['inherit', 'inherit', 'inherit'], ...(env === undefined ? {} : { env }) });
  // Ctrl-C reaches it as well, by the terminal: it decides what that means.
  const ignore = (): void => undefined;
  process.on('SIGINT', ignore).on('SIGQUIT', ignore);
  const pass = (signal: NodeJS.Signals): void => void child.kill(signal);
  process.on('SIGTERM', pass).on('SIGHUP', pass);
  return new Promise((resolve, reject) => {
    child.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        new CommandError({
          argv,
          reason: error.code === 'ENOENT' ? 'not installed' : error.message,
          exitCode: undefined,
          stdout: '',
          stderr: '',
          durationMs: 0,
          timedOut: false,
          missing: error.code === 'ENOENT',
        }),
      ),
    );
    child.once('exit', (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
  });
}
