/** conmon: one small process a container, which holds its output, writes its log in CRI's format, and its exit code to a file. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Exec } from '../../kernel/exec.ts';
import { identify, type ProcessIdentity } from '../../kernel/processes.ts';
import { RuntimeError } from '../errors.ts';
import type { OciRuntime } from './oci-runtime.ts';
import type { OciSpec } from './oci-spec.ts';
import type { Places } from './places.ts';

export interface ConmonRun {
  readonly id: string;
  readonly spec: OciSpec;
  /** Missing: its output is thrown away. */
  readonly logPath?: string;
  readonly stdin?: boolean;
  /** The first who attaches ends it. */
  readonly stdinOnce?: boolean | undefined;
}

/** The arguments of conmon for a container. Pure. */
export function conmonArgv(run: ConmonRun, places: Places, runtime: OciRuntime): [string, ...string[]] {
  const { id } = run;
  return [
    'conmon',
    ...['--cid', id, '--cuuid', id, '--bundle', places.bundle(id)],
    ...['--runtime', runtime.path, ...runtime.globalArgs.flatMap((argument) => ['--runtime-arg', argument])],
    ...['--container-pidfile', places.pidFile(id)],
    ...['--log-path', run.logPath === undefined ? 'none' : `k8s-file:${run.logPath}`, '--no-sync-log'],
    ...['--exit-dir', places.exits, '--socket-dir-path', places.sockets],
    ...(run.spec.process.terminal ? ['--terminal'] : []),
    ...(run.stdin === true ? ['--stdin', ...(run.stdinOnce === true ? [] : ['--leave-stdin-open'])] : []),
  ];
}

/** What conmon writes to its sync pipe: the process, or why there is none. */
export function parseReport(line: string): { readonly pid: number } | { readonly failure: string } {
  const { pid, message } = JSON.parse(line) as { readonly pid?: number; readonly message?: string };
  if (pid !== undefined && pid > 0) return { pid };
  return { failure: plainReason(message ?? 'conmon gave no reason') };
}

/** crun says why in plain text; runc in log lines, the last error of which is the reason. Pure. */
export function plainReason(text: string): string {
  const logged = [...text.matchAll(/level=error msg=("(?:[^"\\]|\\.)*")/g)].at(-1)?.[1];
  return (logged === undefined ? text : (JSON.parse(logged) as string)).trim().slice(0, 2000);
}

/** Makes a container up to the point where its process waits to be started. Rejects with the OCI runtime's own words. */
export async function createWithConmon(
  run: ConmonRun,
  host: { readonly exec: Exec; readonly places: Places; readonly runtime: OciRuntime },
): Promise<ProcessIdentity> {
  const { exec, places, runtime } = host;
  // A few small files on a tmpfs, written at once: a round through the thread pool costs more than the write.
  mkdirSync(places.bundle(run.id), { recursive: true, mode: 0o700 });
  if (run.logPath !== undefined) mkdirSync(dirname(run.logPath), { recursive: true, mode: 0o755 });
  writeFileSync(`${places.bundle(run.id)}/config.json`, JSON.stringify(run.spec), { mode: 0o600 });
  const { stdout } = await exec.run({
    argv: conmonArgv(run, places, runtime),
    reportPipe: '_OCI_SYNCPIPE',
    timeoutMs: 60_000,
  });
  const report = parseReport(stdout);
  if ('failure' in report) throw new RuntimeError(report.failure);
  const identity = identify(report.pid);
  if (identity === undefined) throw new RuntimeError('its process was gone before it was started');
  return identity;
}
