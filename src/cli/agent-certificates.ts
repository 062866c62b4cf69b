/** How an agent shows who it is: by files that somebody made, or by certificates that it asks for and renews itself (`--cert-dir`). */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { HttpApiClient } from '../api/http-client.ts';
import type { Logger } from '../api/logger.ts';
import { clientPurpose, goodPair, keepCertificate, servingPurpose, type ServingTls } from '../kubelet/index.ts';
import type { AgentArguments } from './commands/agent.ts';
import { MachineError, UsageError } from './errors.ts';

/** In `--cert-dir`, by the names of the stock kubelet. */
export const certificateFiles = {
  client: 'kubelet-client-current.pem',
  serving: 'kubelet-server-current.pem',
} as const;

interface Parts {
  readonly client: HttpApiClient;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** Starts what renews them, until the signal. Throws when a file cannot be read, or the certificate of this node has run out. */
export function servingTls(argv: AgentArguments, parts: Parts): ServingTls {
  const text = (path: string): string => readFileSync(path, 'utf8');
  const clientCA = text(argv['client-ca-file']);
  const { 'cert-dir': folder, 'tls-cert-file': certFile, 'tls-private-key-file': keyFile } = argv;
  if (folder !== undefined) return { clientCA, ...keepAll(argv, folder, parts) };
  if (certFile === undefined || keyFile === undefined)
    throw new UsageError('--tls-cert-file and --tls-private-key-file, or --cert-dir, must be given');
  return { clientCA, cert: text(certFile), key: text(keyFile) };
}

function keepAll(argv: AgentArguments, folder: string, parts: Parts): Omit<ServingTls, 'clientCA'> {
  const node = argv['node-name'];
  const own = { path: join(folder, certificateFiles.client), purpose: clientPurpose(node) };
  if (goodPair(own.path, own.purpose, Date.now()) === undefined) {
    throw new MachineError(
      `${own.path}: no certificate of node ${node} that is still good: take a new token on the control plane ` +
        '(podwire token create --print-join-command) and join again',
    );
  }
  void keepCertificate({ ...parts, ...own, onRenewed: (pair) => parts.client.useCertificate(pair) });
  const path = join(folder, certificateFiles.serving);
  const purpose = servingPurpose(node, argv['node-ip'].split(','));
  return {
    ...goodPair(path, purpose, Date.now()),
    follow: (use) => void keepCertificate({ ...parts, path, purpose, onRenewed: use }),
  };
}
