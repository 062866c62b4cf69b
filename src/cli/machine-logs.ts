/** The logs of a machine's services; readable also when the machine is dead. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { LabError, machineNamed, machinePlaces, requireLabFile } from '../lab/index.ts';
import { runInForeground } from './foreground.ts';

export interface LogsOptions {
  readonly name: string;
  readonly node: string;
  readonly follow: boolean;
  readonly tail: number;
}

/** Resolves with the exit code of `tail`. */
export async function machineLogs({ name, node, follow, tail }: LogsOptions): Promise<number> {
  machineNamed((await requireLabFile(name)).config, node);
  const folder = join(machinePlaces(name, node).log, 'podwire');
  const services = (await readdir(folder, { withFileTypes: true }).catch(() => []))
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(folder, entry.name, 'current'));
  if (services.length === 0) throw new LabError(`${node} of lab ${name} has no logs yet`);
  // -F, since s6-log starts a new file when one is full.
  return runInForeground(['tail', `--lines=${tail}`, ...(follow ? ['-F'] : []), ...services]);
}
