/**
 * The resources this project speaks of, one row each. The row's type parameter is the object's type, so that
 * `client.get(pods, …)` answers a Pod.
 */
import type {
  CertificateSigningRequest,
  ClusterRole,
  ClusterRoleBinding,
  ConfigMap,
  ControllerRevision,
  DaemonSet,
  Deployment,
  Endpoints,
  EndpointSlice,
  Event,
  Ingress,
  IngressClass,
  IPAddress,
  Lease,
  LimitRange,
  Namespace,
  NetworkPolicy,
  Node,
  Pod,
  PodTemplate,
  ReplicaSet,
  ReplicationController,
  Role,
  RoleBinding,
  RuntimeClass,
  Secret,
  Service,
  ServiceAccount,
  ServiceCIDR,
  SubjectAccessReview,
} from './types.gen.ts';

/** Where objects of one kind live in the API. `T` is only for the type checker. */
export interface ResourceType<T> {
  readonly group: string;
  readonly version: string;
  /** Plural, lower case, as it stands in the URL. */
  readonly resource: string;
  readonly kind: string;
  readonly namespaced: boolean;
  /** Never set. */
  readonly object?: T;
}

const row = <T>(
  group: string,
  version: string,
  resource: string,
  kind: string,
  namespaced = true,
): ResourceType<T> => ({
  group,
  version,
  resource,
  kind,
  namespaced,
});

export const namespaces: ResourceType<Namespace> = row('', 'v1', 'namespaces', 'Namespace', false);
export const nodes: ResourceType<Node> = row('', 'v1', 'nodes', 'Node', false);
export const pods: ResourceType<Pod> = row('', 'v1', 'pods', 'Pod');
export const podTemplates: ResourceType<PodTemplate> = row('', 'v1', 'podtemplates', 'PodTemplate');
export const replicationControllers: ResourceType<ReplicationController> = row(
  '',
  'v1',
  'replicationcontrollers',
  'ReplicationController',
);
export const services: ResourceType<Service> = row('', 'v1', 'services', 'Service');
export const endpoints: ResourceType<Endpoints> = row('', 'v1', 'endpoints', 'Endpoints');
export const configMaps: ResourceType<ConfigMap> = row('', 'v1', 'configmaps', 'ConfigMap');
export const limitRanges: ResourceType<LimitRange> = row('', 'v1', 'limitranges', 'LimitRange');
export const secrets: ResourceType<Secret> = row('', 'v1', 'secrets', 'Secret');
export const serviceAccounts: ResourceType<ServiceAccount> = row('', 'v1', 'serviceaccounts', 'ServiceAccount');
export const events: ResourceType<Event> = row('', 'v1', 'events', 'Event');
export const leases: ResourceType<Lease> = row('coordination.k8s.io', 'v1', 'leases', 'Lease');
export const endpointSlices: ResourceType<EndpointSlice> = row(
  'discovery.k8s.io',
  'v1',
  'endpointslices',
  'EndpointSlice',
);
export const deployments: ResourceType<Deployment> = row('apps', 'v1', 'deployments', 'Deployment');
export const replicaSets: ResourceType<ReplicaSet> = row('apps', 'v1', 'replicasets', 'ReplicaSet');
export const daemonSets: ResourceType<DaemonSet> = row('apps', 'v1', 'daemonsets', 'DaemonSet');

export const networkPolicies: ResourceType<NetworkPolicy> = row(
  'networking.k8s.io',
  'v1',
  'networkpolicies',
  'NetworkPolicy',
);

const networking = 'networking.k8s.io';
export const ingresses: ResourceType<Ingress> = row(networking, 'v1', 'ingresses', 'Ingress');
export const ingressClasses: ResourceType<IngressClass> = row(
  networking,
  'v1',
  'ingressclasses',
  'IngressClass',
  false,
);
export const ipAddresses: ResourceType<IPAddress> = row(networking, 'v1', 'ipaddresses', 'IPAddress', false);
export const serviceCIDRs: ResourceType<ServiceCIDR> = row(networking, 'v1', 'servicecidrs', 'ServiceCIDR', false);

export const runtimeClasses: ResourceType<RuntimeClass> = row(
  'node.k8s.io',
  'v1',
  'runtimeclasses',
  'RuntimeClass',
  false,
);

const rbac = 'rbac.authorization.k8s.io';
export const roles: ResourceType<Role> = row(rbac, 'v1', 'roles', 'Role');
export const roleBindings: ResourceType<RoleBinding> = row(rbac, 'v1', 'rolebindings', 'RoleBinding');
export const clusterRoles: ResourceType<ClusterRole> = row(rbac, 'v1', 'clusterroles', 'ClusterRole', false);
export const clusterRoleBindings: ResourceType<ClusterRoleBinding> = row(
  rbac,
  'v1',
  'clusterrolebindings',
  'ClusterRoleBinding',
  false,
);

export const controllerRevisions: ResourceType<ControllerRevision> = row(
  'apps',
  'v1',
  'controllerrevisions',
  'ControllerRevision',
);

export const certificateSigningRequests: ResourceType<CertificateSigningRequest> = row(
  'certificates.k8s.io',
  'v1',
  'certificatesigningrequests',
  'CertificateSigningRequest',
  false,
);

/** Asked by `create`, never stored. */
export const subjectAccessReviews: ResourceType<SubjectAccessReview> = row(
  'authorization.k8s.io',
  'v1',
  'subjectaccessreviews',
  'SubjectAccessReview',
  false,
);

/** `v1`, `apps/v1`: what stands in an object's `apiVersion`. */
export function apiVersionOf(type: Pick<ResourceType<unknown>, 'group' | 'version'>): string {
  return type.group === '' ? type.version : `${type.group}/${type.version}`;
}
