/** Writes transactions: small ones through a long-lived nft, large ones through one of their own, whose memory goes with it. */
import { CommandError, type Exec } from './exec.ts';
import { createNftSession } from './nft-session.ts';
import { startProcess } from './start-process.ts';

export interface NftWriter {
  /** One transaction. Rejects when the kernel refused it: nothing was done then. */
  write(commands: readonly string[]): Promise<void>;
  /** Whether a notice of the kernel is about a write of this writer. */
  wrote(port: number): boolean;
  close(): void;
}

/** A line of the long-lived nft at most: it reads slowly, and keeps the memory that it needed. */
const maxLine = 32 * 1024;
/** So many earlier processes are known as ours: what they did may still be on its way to us. */
const rememberedPids = 16;
const timeoutMs = 120_000;

/** Nothing is started before the first write. */
export function createNftWriter(given: Exec): NftWriter {
  const sessions: number[] = [];
  const loads: number[] = [];
  const startAs =
    (pids: number[]): NonNullable<Exec['start']> =>
    async (options) => {
      const child = await (given.start?.bind(given) ?? startProcess)(options);
      pids.push(child.pid);
      if (pids.length > rememberedPids) pids.splice(0, 1);
      return child;
    };
  const session = createNftSession({ run: (command) => given.run(command), start: startAs(sessions) });
  const start = startAs(loads);

  const load = async (text: string): Promise<void> => {
    const argv: [string, ...string[]] = ['nft', '-f', '-'];
    const startedAt = performance.now();
    const child = await start({ argv, stdin: true });
    const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
    let stderr = '';
    child.stdout.resume();
    const heard = new Promise<void>((resolve) => child.stderr?.once('close', resolve));
    child.stderr?.setEncoding('utf8').on('data', (words: string) => (stderr = `${stderr}${words}`.slice(0, 10_000)));
    child.stdin?.end(text);
    const { exitCode, signal } = await child.ended;
    await heard;
    clearTimeout(timer);
    if (exitCode === 0) return;
    throw new CommandError({
      argv,
      exitCode,
      stderr,
      stdout: '',
      reason: signal === undefined ? `exit code ${exitCode}` : `ended by ${signal}`,
      durationMs: performance.now() - startedAt,
      timedOut: signal === 'SIGKILL',
      missing: false,
    });
  };
  return {
    write: async (commands) => {
      if (commands.length === 0) return;
      const length = commands.reduce((sum, command) => sum + command.length + 2, 0);
      await (length > maxLine ? load(`${commands.join('\n')}\n`) : session.commit(commands));
    },
    wrote: (port) => sessions.includes(port) || loads.includes(port),
    close: () => session.close(),
  };
}
