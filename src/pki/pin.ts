/** The pin of an authority: by it a machine that knows nobody yet tells the right one (RFC 7469, as kubeadm prints it). */
import { createHash, X509Certificate } from 'node:crypto';

/** `sha256:` and the hash of the certificate's SubjectPublicKeyInfo, in hexadecimal. Throws when the text is no certificate. */
export function publicKeyPin(certPem: string): string {
  const key = new X509Certificate(certPem).publicKey.export({ type: 'spki', format: 'der' });
  return `sha256:${createHash('sha256').update(key).digest('hex')}`;
}
