/** How a program in a pod reaches the API: by the Service `kubernetes` and the files of its ServiceAccount. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ClientConfig } from '../api/kubeconfig.ts';
import { UsageError } from './errors.ts';

const folder = '/var/run/secrets/kubernetes.io/serviceaccount';

/** The token is read anew for each request: the kubelet renews it. Throws outside of a pod. */
export function inClusterConfig(): ClientConfig {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = process.env;
  if (host === undefined || port === undefined)
    throw new UsageError(
      '--kubeconfig: without it this must run in a pod, which has KUBERNETES_SERVICE_HOST and …_PORT',
    );
  const token = (): string => readFileSync(join(folder, 'token'), 'utf8').trim();
  return {
    server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
    ca: readFileSync(join(folder, 'ca.crt'), 'utf8'),
    token,
  };
}
