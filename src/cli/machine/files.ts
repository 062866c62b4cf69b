/** Small files of this machine, whole or not at all, for root alone. */
import { existsSync } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { JsonObject } from '../../api/json-value.ts';
import { readFlags } from '../config-file.ts';
import { MachineError } from '../errors.ts';

/** Writes by renaming, mode 0600; makes its folder, mode 0700. */
export async function writePrivate(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeFile(`${path}.new`, text, { mode: 0o600 });
  await rename(`${path}.new`, path);
}

/** Flags for `--config`. */
export async function writeFlags(path: string, flags: object): Promise<void> {
  await writePrivate(path, `${JSON.stringify(flags, undefined, 2)}\n`);
}

/** Empty when there is no such file. */
export function flagsIn(path: string): JsonObject {
  return existsSync(path) ? readFlags(path) : {};
}

/** Throws a MachineError unless run as root. */
export function requireRoot(what: string): void {
  if (process.getuid?.() !== 0) throw new MachineError(`${what}: only root may (sudo)`);
}
