/** Who has the default roles. */
import type { Subject } from '../../../api/types.gen.ts';

/** A ClusterRoleBinding that is always there, named after its role. */
export interface DefaultBinding {
  readonly role: string;
  readonly subjects: readonly Subject[];
}

const apiGroup = 'rbac.authorization.k8s.io';
const group = (name: string): Subject => ({ kind: 'Group', apiGroup, name });
const user = (name: string): Subject => ({ kind: 'User', apiGroup, name });
const account = (namespace: string, name: string): Subject => ({ kind: 'ServiceAccount', namespace, name });

/** A group of bootstrap tokens, by which they may join nodes. */
const joinGroup = 'system:bootstrappers:podwire:default-node-token';
const authenticated = group('system:authenticated');

export const defaultBindings: readonly DefaultBinding[] = [
  { role: 'cluster-admin', subjects: [group('system:masters')] },
  { role: 'system:monitoring', subjects: [group('system:monitoring')] },
  { role: 'system:discovery', subjects: [authenticated] },
  { role: 'system:basic-user', subjects: [authenticated] },
  { role: 'system:public-info-viewer', subjects: [authenticated, group('system:unauthenticated')] },
  { role: 'system:service-account-issuer-discovery', subjects: [group('system:serviceaccounts')] },
  { role: 'system:node-proxier', subjects: [user('system:kube-proxy')] },
  { role: 'system:kube-controller-manager', subjects: [user('system:kube-controller-manager')] },
  { role: 'system:kube-dns', subjects: [account('kube-system', 'kube-dns')] },
  { role: 'system:kube-scheduler', subjects: [user('system:kube-scheduler')] },
  { role: 'system:volume-scheduler', subjects: [user('system:kube-scheduler')] },
  // What it may do at kubelets that ask the API server (webhook authorization).
  { role: 'system:kubelet-api-admin', subjects: [user('kube-apiserver-kubelet-client')] },
  // A machine with a token of `podwire token create` asks for its first certificate; nodes renew theirs, and may take leave.
  { role: 'system:node-bootstrapper', subjects: [group(joinGroup)] },
  { role: 'system:certificates.k8s.io:certificatesigningrequests:nodeclient', subjects: [group(joinGroup)] },
  {
    role: 'system:certificates.k8s.io:certificatesigningrequests:selfnodeclient',
    subjects: [group('system:nodes')],
  },
  { role: 'podwire:node-leaver', subjects: [group('system:nodes')] },
  // Nodes have their rules without a binding; an empty one shows that this is meant.
  { role: 'system:node', subjects: [] },
  { role: 'podwire:controllers', subjects: [user('system:kube-controller-manager')] },
  { role: 'podwire:node-network', subjects: [group('system:nodes')] },
];
