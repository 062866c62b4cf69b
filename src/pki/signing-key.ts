/** The key that signs ServiceAccount tokens (ES256, RFC 7518). */

export interface SigningKeyPem {
  /** SubjectPublicKeyInfo. */
  readonly publicPem: string;
  /** PKCS #8. */
  readonly privatePem: string;
}

/** Makes a new P-256 key pair. */
export async function createSigningKey(): Promise<SigningKeyPem> {
  const { publicKey, privateKey } = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, [
    'sign',
    'verify',
  ]);
  const [spki, pkcs8] = await Promise.all([
    crypto.subtle.exportKey('spki', publicKey),
    crypto.subtle.exportKey('pkcs8', privateKey),
  ]);
  return { publicPem: pem('PUBLIC KEY', spki), privatePem: pem('PRIVATE KEY', pkcs8) };
}

function pem(label: string, der: ArrayBuffer): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}
