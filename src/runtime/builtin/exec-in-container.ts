/** Commands in a running container: for probes and hooks (waited for), and for people (talked to). */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough, type Readable } from 'node:stream';
import { CommandError } from '../../kernel/exec.ts';
import { startProcess, type RunningProcess } from '../../kernel/start-process.ts';
import type { ExecOptions, ExecSession } from '../contract.ts';
import { RuntimeError } from '../errors.ts';
import { plainReason } from './conmon.ts';
import { ExecFiles } from './exec-files.ts';
import { InnerTerminal } from './exec-terminal.ts';
import { containerOf, type RuntimeNode } from './node.ts';
import type { OciProcess, OciSpec } from './oci-spec.ts';

const defaultSize = { columns: 80, rows: 24 };
const maxOutputBytes = 16 * 1024 * 1024;
/** A process that ended may have left another one that holds its output: what comes later than this is lost. */
const drainMs = 500;

/** Runs a command to its end. A command that cannot be started has exit code 127 (not there) or 126 (not executable), as in a shell. */
export async function execSync(
  node: RuntimeNode,
  id: string,
  command: readonly string[],
  timeoutSeconds: number,
): Promise<{ exitCode: number; stdout: string; stderr: string }> {
  const files = await prepare(node, id, { command, tty: false, stdin: false });
  try {
    const timeoutMs = timeoutSeconds > 0 ? timeoutSeconds * 1000 : 2 ** 31 - 1;
    const { exitCode, stdout, stderr } = await node.exec.run({
      argv: execArgv(node, id, files),
      timeoutMs,
      maxOutputBytes,
      okExitCodes: Array.from({ length: 256 }, (_value, code) => code),
    });
    return files.started() || exitCode === 0
      ? { exitCode, stdout, stderr }
      : { exitCode: startFailure(stderr), stdout, stderr };
  } catch (error) {
    await files.killProcess();
    if (error instanceof CommandError && error.timedOut) {
      throw new RuntimeError(`container ${id}: ${command.join(' ').slice(0, 200)} did not end in ${timeoutSeconds} s`, {
        cause: error,
        timedOut: true,
      });
    }
    throw new RuntimeError(`container ${id}: ${String(error)}`, { cause: error });
  } finally {
    await files.remove();
  }
}

/** Starts a command and hands its streams out. */
export async function execStreaming(node: RuntimeNode, id: string, options: ExecOptions): Promise<ExecSession> {
  const files = await prepare(node, id, options);
  try {
    const child = await startProcess({
      argv: execArgv(node, id, files),
      stdin: options.stdin,
      ...(options.tty ? { tty: defaultSize } : {}),
    });
    return sessionOf(child, files, options, { id, terminal: new InnerTerminal(node.exec, files) });
  } catch (error) {
    await files.remove();
    throw new RuntimeError(`container ${id}: ${String(error)}`, { cause: error });
  }
}

function sessionOf(
  child: RunningProcess,
  files: ExecFiles,
  options: ExecOptions,
  place: { readonly id: string; readonly terminal: InnerTerminal },
): ExecSession {
  const stdout = drained(child.stdout, child);
  const stderr = child.stderr === undefined ? undefined : drained(child.stderr, child);
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-1000)));
  const exitCode = child.ended.then(async (end) => {
    const ran = files.started();
    await files.remove();
    if (end.exitCode === undefined) return 137;
    if (end.exitCode === 0 || ran) return end.exitCode;
    throw new RuntimeError(`container ${place.id}: ${options.command[0]} was not started: ${plainReason(said)}`, {
      exitCode: startFailure(said),
    });
  });
  exitCode.catch(() => undefined); // whoever asks for it gets it
  return {
    stdin: options.stdin ? child.stdin : undefined,
    stdout,
    stderr,
    resize: (columns, rows) => {
      if (!options.tty || columns <= 0 || rows <= 0) return;
      child.resize(columns, rows);
      place.terminal.resize(columns, rows);
    },
    exitCode,
    kill: () => void files.killProcess().finally(() => child.kill('SIGKILL')),
  };
}

/** The same bytes, ended soon after the process even when somebody it left behind holds the pipe; a slow reader still gets them all. */
function drained(source: Readable, child: RunningProcess): Readable {
  const copy = new PassThrough();
  let arrived = 0;
  source.on('data', (chunk: Buffer) => (arrived += chunk.length));
  source.pipe(copy);
  const look = (before: number): void => {
    if (source.destroyed) return;
    if (arrived === before && !copy.writableNeedDrain) source.destroy();
    else setTimeout(look, drainMs, arrived).unref();
  };
  source.once('close', () => copy.end());
  void child.ended.then(() => setTimeout(look, drainMs, arrived).unref());
  return copy;
}

function execArgv({ runtime }: RuntimeNode, id: string, files: ExecFiles): [string, ...string[]] {
  return [runtime.path, ...runtime.globalArgs, 'exec', '--process', files.processFile, '--pid-file', files.pidFile, id];
}

/** The process that an exec adds: user, rights and variables of the container's first one. Pure. */
export function execProcess(spec: OciSpec, options: Pick<ExecOptions, 'command' | 'tty'>): OciProcess {
  const hasTerm = spec.process.env.some((variable) => variable.startsWith('TERM='));
  const env = options.tty && !hasTerm ? [...spec.process.env, 'TERM=xterm'] : spec.process.env;
  return { ...spec.process, args: options.command, terminal: options.tty, env };
}

async function prepare(node: RuntimeNode, id: string, options: ExecOptions): Promise<ExecFiles> {
  const record = containerOf(node, id);
  if (record.state !== 'running')
    throw new RuntimeError(`container ${record.config.name} (${id}) is ${record.state}, not running`);
  if (options.command.length === 0) throw new RuntimeError(`container ${id}: no command to run`);
  const spec = JSON.parse(await readFile(join(node.places.bundle(id), 'config.json'), 'utf8')) as OciSpec;
  const files = new ExecFiles(node.places.execs);
  await writeFile(files.processFile, JSON.stringify(execProcess(spec, options)), { mode: 0o600 });
  return files;
}

/** What the OCI runtimes say of a command that is not there, or may not be run. Pure. */
export function startFailure(message: string): 126 | 127 {
  return /not found|no such file|No such file/.test(message) ? 127 : 126;
}
