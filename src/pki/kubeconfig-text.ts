/** A kubeconfig as text: everything in it, so that the one file can be copied. */
import type { KeyPairPem } from './authority.ts';

export interface KubeconfigParts {
  readonly cluster: string;
  readonly server: string;
  readonly user: string;
  readonly caPem: string;
  readonly pair: KeyPairPem;
}

export function kubeconfigText({ cluster, server, user, caPem, pair }: KubeconfigParts): string {
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  return `apiVersion: v1
kind: Config
clusters:
- name: ${cluster}
  cluster:
    server: ${server}
    certificate-authority-data: ${base64(caPem)}
users:
- name: ${user}
  user:
    client-certificate-data: ${base64(pair.certPem)}
    client-key-data: ${base64(pair.keyPem)}
contexts:
- name: ${cluster}
  context:
    cluster: ${cluster}
    user: ${user}
current-context: ${cluster}
`;
}
