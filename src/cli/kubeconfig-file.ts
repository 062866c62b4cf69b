/** A kubeconfig as it lies on disk: paths in it count from its own folder, as kubectl has it. */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parseKubeconfig, type ClientConfig } from '../api/kubeconfig.ts';

/** Throws, naming the file, when it or one that it points to cannot be used. */
export function readKubeconfigFile(path: string): ClientConfig {
  return parseKubeconfig(readFileSync(path, 'utf8'), (other) => readFileSync(resolve(dirname(path), other), 'utf8'));
}
