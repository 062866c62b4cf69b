/** Every certificate of a cluster, as rows: who signs in as whom. */
import type { CertificateRequest } from './authority.ts';

/** Addresses that the certificates must name. */
export interface ClusterNames {
  /** Addresses of the API server, the kubernetes Service's first. */
  readonly apiServerAddresses: readonly string[];
  readonly clusterDomain: string;
}

/** Certificates the control plane needs, by file name. */
export function controlPlaneCertificates(names: ClusterNames): Readonly<Record<string, CertificateRequest>> {
  return {
    apiserver: {
      commonName: 'kube-apiserver',
      dnsNames: [
        'kubernetes',
        'kubernetes.default',
        'kubernetes.default.svc',
        `kubernetes.default.svc.${names.clusterDomain}`,
        'localhost',
      ],
      ipAddresses: ['127.0.0.1', '::1', ...names.apiServerAddresses],
    },
    // In no group: kubelets let it in by this name, and a role gives it `nodes/…` alone (system:kubelet-api-admin).
    'apiserver-kubelet-client': { commonName: 'kube-apiserver-kubelet-client' },
    'controller-manager': { commonName: 'system:kube-controller-manager' },
    scheduler: { commonName: 'system:kube-scheduler' },
    admin: { commonName: 'kubernetes-admin', organizations: ['system:masters'] },
  };
}

/** A node's certificates: `kubelet-client` to speak to the API, `kubelet` to serve its own. */
export function nodeCertificates(
  node: string,
  addresses: readonly string[],
): { readonly 'kubelet-client': CertificateRequest; readonly kubelet: CertificateRequest } {
  const user = { commonName: `system:node:${node}`, organizations: ['system:nodes'] };
  return { 'kubelet-client': user, kubelet: { ...user, dnsNames: [node], ipAddresses: addresses } };
}
