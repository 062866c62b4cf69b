/** A certificate and its key in one file, so that they change together: `kubelet-client-current.pem` and `kubelet-server-current.pem`, as the stock kubelet has them. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir, open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';

/** PEM texts. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

const blocks = /-----BEGIN ([A-Z ]+)-----[^-]+-----END \1-----\n?/g;

/** Undefined when there is no such file, or no certificate with its key in it. */
export function readPair(path: string): KeyPair | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
  const found = [...text.matchAll(blocks)].map(([block, label = '']) => ({ block, label }));
  const of = (test: (label: string) => boolean): string =>
    found.flatMap(({ block, label }) => (test(label) ? [block] : [])).join('');
  const pair = { cert: of((label) => label === 'CERTIFICATE'), key: of((label) => label.endsWith('PRIVATE KEY')) };
  return belongTogether(pair) ? pair : undefined;
}

/** Whether the key is the certificate's. */
export function belongTogether({ cert, key }: KeyPair): boolean {
  try {
    return new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));
  } catch {
    return false;
  }
}

/** The whole file or the old one, also after a power cut: without it the machine has lost its name. Mode 0600. */
export async function writePair(path: string, { cert, key }: KeyPair): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const file = await open(`${path}.new`, 'w', 0o600);
  try {
    await file.writeFile(`${cert}${key}`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
}
