export { createAuthority, loadAuthority } from './authority.ts';
export type { Authority, CertificateRequest, KeyPairPem } from './authority.ts';
export { createSigningKey } from './signing-key.ts';
export type { SigningKeyPem } from './signing-key.ts';
export { controlPlaneCertificates, nodeCertificates } from './cluster.ts';
export type { ClusterNames } from './cluster.ts';
