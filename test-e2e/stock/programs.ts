/** Upstream's programs, in the folder that PODWIRE_STOCK_BIN names. */
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';

const wanted = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'kubelet',
  'kubectl',
  'containerd',
  'containerd-shim-runc-v2',
  'ctr',
  'loopback',
] as const;

export const stockFolder = process.env['PODWIRE_STOCK_BIN'] ?? '';

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Why there can be no stock cluster; undefined when there can. */
export function whatIsMissing(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root for network namespaces';
  if (stockFolder === '') return 'PODWIRE_STOCK_BIN names no folder of upstream’s programs (test-e2e/stock/README.md)';
  const missing = [
    ...wanted.map((name) => join(stockFolder, name)).filter((path) => !isProgram(path)),
    ...(['/usr/sbin/runc', '/usr/bin/runc'].some(isProgram) ? [] : ['runc']),
  ];
  return missing.length === 0 ? undefined : `not there: ${missing.join(', ')}`;
}
