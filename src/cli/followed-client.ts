/** The client of a program that somebody else renews the certificate of: the agent does (`--cert-dir`), and so does every kubelet. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { createApiClient, type HttpApiClient } from '../api/http-client.ts';
import type { ClientConfig } from '../api/kubeconfig.ts';
import type { Logger } from '../api/logger.ts';
import { everyInterval } from '../kernel/commit-loop.ts';
import { inClusterConfig } from './in-cluster-config.ts';
import { readKubeconfigFile } from './kubeconfig-file.ts';

export interface FollowOptions {
  readonly logger: Logger;
  /** Ends the looking. */
  readonly signal: AbortSignal;
  /** How often the files are looked at. Default 10 s: an agent renews with a tenth of the life left, at the latest. */
  readonly lookMs?: number;
}

const defaultLookMs = 10_000;

function isPair({ cert, key }: ClientConfig): boolean {
  try {
    return new X509Certificate(cert ?? '').checkPrivateKey(createPrivateKey(key ?? ''));
  } catch {
    return false;
  }
}

/**
 * By a kubeconfig, or by the ServiceAccount of the pod that this is. Throws when there is none that can be used; later, while a file is missing
 * or half written, the certificate before goes on.
 */
export function createFollowedClient(kubeconfig: string | undefined, options: FollowOptions): HttpApiClient {
  if (kubeconfig === undefined) return createApiClient(inClusterConfig());
  const config = readKubeconfigFile(kubeconfig);
  const client = createApiClient(config);
  if (config.cert !== undefined) follow(client, kubeconfig, config.cert, options);
  return client;
}

function follow(client: HttpApiClient, path: string, first: string, options: FollowOptions): void {
  const { logger, signal, lookMs = defaultLookMs } = options;
  let shown = first;
  const look = async (): Promise<void> => {
    const found = readAgain(path);
    if (found?.cert === undefined || found.cert === shown || !isPair(found)) return;
    shown = found.cert;
    client.useCertificate({ cert: found.cert, key: found.key ?? '' });
    logger.info('a renewed certificate is used', { until: new X509Certificate(shown).validToDate.toISOString() });
  };
  everyInterval(lookMs, signal, look);
}

function readAgain(path: string): ClientConfig | undefined {
  try {
    return readKubeconfigFile(path);
  } catch {
    return undefined;
  }
}
