/** A kubeconfig as it lies on disk: paths in it count from its own folder, as kubectl has it. */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parseKubeconfig, type ClientConfig } from '../api/kubeconfig.ts';
import { MachineError } from './errors.ts';

/** Throws, naming the file, when it or one that it points to cannot be used; a MachineError when one is not there. */
export function readKubeconfigFile(path: string): ClientConfig {
  return parseKubeconfig(read(path, 'there is no such kubeconfig'), (other) =>
    read(resolve(dirname(path), other), `there is no such file, and the kubeconfig ${path} names it`),
  );
}

function read(path: string, missing: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new MachineError(`${path}: ${missing}`, { cause: error });
  }
}
