/** One certificate by CertificateSigningRequest: asked for, waited for. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiClient } from '../../api/client.ts';
import { isNotFound } from '../../api/errors.ts';
import { certificateSigningRequests } from '../../api/resources.ts';
import type { CertificateSigningRequest } from '../../api/types.gen.ts';
import type { CertificateSubject } from '../../pki/index.ts';
import { belongTogether, type KeyPair } from './certificate-file.ts';

/** What is asked for, and of whom. */
export interface CertificatePurpose {
  readonly signerName: string;
  readonly usages: readonly string[];
  readonly subject: CertificateSubject;
}

/** By which a node signs in. */
export function clientPurpose(node: string): CertificatePurpose {
  return {
    signerName: 'kubernetes.io/kube-apiserver-client-kubelet',
    usages: ['digital signature', 'client auth'],
    subject: nodeSubject(node),
  };
}

/** By which a node's own server shows who it is. */
export function servingPurpose(node: string, addresses: readonly string[]): CertificatePurpose {
  return {
    signerName: 'kubernetes.io/kubelet-serving',
    usages: ['digital signature', 'server auth'],
    subject: { ...nodeSubject(node), dnsNames: [node], ipAddresses: addresses },
  };
}

const nodeSubject = (node: string): CertificateSubject => ({
  commonName: `system:node:${node}`,
  organizations: ['system:nodes'],
});

/** The cluster said no, or said nothing for too long; the message says what to do. */
export class CertificateRefused extends Error {
  override readonly name = 'CertificateRefused';
}

const firstLookMs = 50;
const maxLookMs = 5_000;

/** Resolves with certificate and key. Rejects with CertificateRefused, with an ApiError when the server cannot be asked, or when the signal fires. */
export async function requestCertificate(
  client: ApiClient,
  { signerName, usages, subject }: CertificatePurpose,
  { signal, limitMs }: { readonly signal: AbortSignal; readonly limitMs: number },
): Promise<KeyPair> {
  // Reading the library costs an agent 10 MB; it is needed once a year.
  const { createCertificateRequest } = await import('../../pki/index.ts');
  const { requestPem, keyPem } = await createCertificateRequest(subject);
  const spec = { signerName, usages: [...usages], request: Buffer.from(requestPem).toString('base64') };
  const { metadata } = await client.create(certificateSigningRequests, {
    metadata: { generateName: 'node-csr-' },
    spec,
  });
  const name = metadata.name ?? '';
  const end = Date.now() + limitMs;
  for (let lookMs = firstLookMs; Date.now() < end; lookMs = Math.min(lookMs * 1.5, maxLookMs)) {
    await sleep(lookMs, undefined, { signal });
    const cert = certificateOf(await look(client, name));
    if (cert === undefined) continue;
    const pair = { cert, key: keyPem };
    if (belongTogether(pair)) return pair;
    throw new CertificateRefused(`the certificate of CertificateSigningRequest ${name} is not for the key that asked`);
  }
  throw new CertificateRefused(
    `CertificateSigningRequest ${name} has no certificate after ${limitMs / 1000} s: somebody must approve it ` +
      `(kubectl certificate approve ${name}), or the control plane has no signer for ${signerName}`,
  );
}

async function look(client: ApiClient, name: string): Promise<CertificateSigningRequest> {
  try {
    return await client.get(certificateSigningRequests, { name });
  } catch (error) {
    if (!isNotFound(error)) throw error;
    throw new CertificateRefused(`CertificateSigningRequest ${name} was deleted before it was answered`, {
      cause: error,
    });
  }
}

/** Undefined: not yet. Throws when it never comes. */
function certificateOf({ metadata, status }: CertificateSigningRequest): string | undefined {
  const refusal = status?.conditions?.find(({ type }) => type === 'Denied' || type === 'Failed');
  if (refusal !== undefined) {
    const why = refusal.message ?? refusal.reason ?? 'no reason given';
    throw new CertificateRefused(`CertificateSigningRequest ${metadata.name} is ${refusal.type.toLowerCase()}: ${why}`);
  }
  const certificate = status?.certificate ?? '';
  return certificate === '' ? undefined : Buffer.from(certificate, 'base64').toString('latin1');
}
