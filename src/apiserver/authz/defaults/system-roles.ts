/** Roles of the cluster's own parts, as of upstream 1.36, and the two that only this cluster has. */
import type { PolicyRule } from '../../../api/types.gen.ts';
import { eventsRule, named, read, readUpdate, readWrite, rule, type DefaultRole } from './rule.ts';

const reviews = [
  rule('create', 'authentication.k8s.io', 'tokenreviews'),
  rule('create', 'authorization.k8s.io', 'subjectaccessreviews'),
];

/** What a node may do with what is not divided among nodes; bound to nobody (../node.ts reads it). */
export const nodeRules: readonly PolicyRule[] = [
  rule('create', 'authentication.k8s.io', 'tokenreviews'),
  rule('create', 'authorization.k8s.io', 'subjectaccessreviews localsubjectaccessreviews'),
  rule(read, 'core', 'services'),
  rule(`create ${read}`, 'core', 'nodes'),
  rule('update patch', 'core', 'nodes/status'),
  rule('update patch', 'core', 'nodes'),
  eventsRule,
  rule(read, 'core', 'pods'),
  rule('create delete', 'core', 'pods'),
  rule('update patch', 'core', 'pods/status'),
  rule('create', 'core', 'pods/eviction'),
  rule(read, 'core', 'secrets configmaps'),
  rule('get', 'core', 'persistentvolumeclaims persistentvolumes'),
  rule('get', 'core', 'endpoints'),
  rule(`create ${read}`, 'certificates.k8s.io', 'certificatesigningrequests'),
  rule('get create update patch delete', 'coordination.k8s.io', 'leases'),
  rule('get', 'storage.k8s.io', 'volumeattachments'),
  rule('create', 'core', 'serviceaccounts/token'),
  rule('get update patch', 'core', 'persistentvolumeclaims/status'),
  rule(read, 'storage.k8s.io', 'csidrivers'),
  rule('get create update patch delete', 'storage.k8s.io', 'csinodes'),
  rule(read, 'node.k8s.io', 'runtimeclasses'),
  rule('get', 'resource.k8s.io', 'resourceclaims'),
  rule('deletecollection', 'resource.k8s.io', 'resourceslices'),
  rule('get', 'core', 'serviceaccounts'),
];

const schedulerRules = [
  eventsRule,
  rule('create', 'coordination.k8s.io', 'leases'),
  named('get update list watch', 'coordination.k8s.io', 'leases', 'kube-scheduler'),
  rule(readWrite, 'coordination.k8s.io', 'leasecandidates'),
  rule(read, 'core', 'nodes namespaces services replicationcontrollers persistentvolumeclaims persistentvolumes'),
  rule(`${read} delete`, 'core', 'pods'),
  rule('create', 'core', 'pods/binding bindings'),
  rule('patch update', 'core', 'pods/status'),
  rule('update', 'core', 'pods/finalizers'),
  rule(read, 'apps extensions', 'replicasets'),
  rule(read, 'apps', 'statefulsets'),
  rule(read, 'policy', 'poddisruptionbudgets'),
  ...reviews,
  rule(read, 'storage.k8s.io', 'csinodes csidrivers csistoragecapacities volumeattachments'),
  rule(read, 'resource.k8s.io', 'deviceclasses resourceslices'),
  rule(readUpdate, 'resource.k8s.io', 'resourceclaims resourceclaims/status'),
];

const controllerManagerRules = [
  eventsRule,
  rule('create', 'coordination.k8s.io', 'leases'),
  named('get update', 'coordination.k8s.io', 'leases', 'kube-controller-manager'),
  rule('create', 'core', 'secrets serviceaccounts'),
  rule('delete', 'core', 'secrets'),
  rule('get', 'core', 'namespaces secrets serviceaccounts configmaps'),
  rule('update', 'core', 'secrets serviceaccounts'),
  ...reviews,
  rule('list watch', '*', '*'),
  rule('create', 'core', 'serviceaccounts/token'),
];

/** Requests of nodes for themselves; whatever else a signer signs, a person has approved. */
const approvedSigners = 'kubernetes.io/kube-apiserver-client-kubelet kubernetes.io/kubelet-serving';

/**
 * Upstream's controllers run under a ServiceAccount each; these run as one user. Together their roles come to this: the
 * garbage collector and the deletion of namespaces reach every kind, the others make what stands here.
 */
const controllerRules = [
  rule('get list watch update patch delete deletecollection', '*', '*'),
  rule('create', 'core', 'configmaps endpoints persistentvolumeclaims persistentvolumes pods serviceaccounts'),
  rule('create', 'apps', 'controllerrevisions replicasets'),
  rule('create', 'batch', 'jobs'),
  rule('create', 'discovery.k8s.io', 'endpointslices'),
  rule('create', 'networking.k8s.io', 'ipaddresses'),
  rule('create', 'core', 'endpoints/restricted pods/eviction'),
  rule('escalate', 'rbac.authorization.k8s.io', 'clusterroles'),
  named('approve', 'certificates.k8s.io', 'signers', approvedSigners),
  named('sign', 'certificates.k8s.io', 'signers', `${approvedSigners} kubernetes.io/kube-apiserver-client`),
];

/** A node's network and Service proxy run under the node's own name; upstream gives these to kube-proxy and the CNI plugin. */
const nodeNetworkRules = [
  rule(read, 'core', 'nodes services endpoints'),
  // NetworkPolicy: which pods of the cluster may speak to this node's is told by their labels and their namespaces'.
  rule(read, 'core', 'pods namespaces'),
  rule(read, 'discovery.k8s.io', 'endpointslices'),
  rule(read, 'networking.k8s.io', 'networkpolicies servicecidrs'),
];

export const systemRoles: readonly DefaultRole[] = [
  { name: 'system:node', rules: nodeRules },
  { name: 'system:kube-scheduler', rules: schedulerRules },
  {
    name: 'system:volume-scheduler',
    rules: [
      rule(readUpdate, 'core', 'persistentvolumes persistentvolumeclaims'),
      rule(read, 'storage.k8s.io', 'storageclasses'),
    ],
  },
  { name: 'system:kube-controller-manager', rules: controllerManagerRules },
  { name: 'podwire:controllers', rules: controllerRules },
  { name: 'podwire:node-network', rules: nodeNetworkRules },
  {
    name: 'system:node-proxier',
    rules: [
      rule('list watch', 'core', 'services endpoints'),
      rule(read, 'core', 'nodes'),
      eventsRule,
      rule('list watch', 'networking.k8s.io', 'servicecidrs'),
      rule('list watch', 'discovery.k8s.io', 'endpointslices'),
    ],
  },
  {
    name: 'system:node-bootstrapper',
    rules: [rule(`create ${read}`, 'certificates.k8s.io', 'certificatesigningrequests')],
  },
  {
    name: 'system:certificates.k8s.io:certificatesigningrequests:nodeclient',
    rules: [rule('create', 'certificates.k8s.io', 'certificatesigningrequests/nodeclient')],
  },
  {
    name: 'system:certificates.k8s.io:certificatesigningrequests:selfnodeclient',
    rules: [rule('create', 'certificates.k8s.io', 'certificatesigningrequests/selfnodeclient')],
  },
  // Which Node that may be is looked at in admission: its own.
  { name: 'podwire:node-leaver', rules: [rule('delete', 'core', 'nodes')] },
  {
    name: 'system:node-problem-detector',
    rules: [rule('get', 'core', 'nodes'), rule('patch', 'core', 'nodes/status'), eventsRule],
  },
  { name: 'system:auth-delegator', rules: reviews },
  { name: 'system:kube-dns', rules: [rule('list watch', 'core', 'endpoints services')] },
  {
    name: 'system:kubelet-api-admin',
    rules: [
      rule(read, 'core', 'nodes'),
      rule('proxy', 'core', 'nodes'),
      rule('*', 'core', 'nodes/proxy nodes/metrics nodes/stats nodes/log nodes/pods nodes/healthz nodes/configz'),
    ],
  },
  {
    name: 'system:persistent-volume-provisioner',
    rules: [
      rule(`${read} create delete`, 'core', 'persistentvolumes'),
      rule(`${read} update`, 'core', 'persistentvolumeclaims'),
      rule(read, 'storage.k8s.io', 'storageclasses'),
      rule('watch', 'core', 'events'),
      eventsRule,
    ],
  },
];
