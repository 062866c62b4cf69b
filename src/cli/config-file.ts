/** Flags in a file, as `podwire init` and `podwire join` write them: JSON, each name as on the command line, which wins. */
import { readFileSync } from 'node:fs';
import type { Argv } from 'yargs';
import { isJsonObject, type JsonObject } from '../api/json-value.ts';
import { UsageError } from './errors.ts';

/** Adds `--config FILE`. */
export function withConfigFile<T>(cli: Argv<T>): Argv<T> {
  return cli.config('config', 'flags from this file (JSON), names as here without --', readFlags);
}

/** Throws a UsageError that names the file. */
export function readFlags(path: string): JsonObject {
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (isJsonObject(value)) return value;
    throw new Error('not a JSON object');
  } catch (error) {
    throw new UsageError(`--config ${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
