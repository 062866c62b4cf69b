/** Who may do what, as RBAC's rules: a stand-in of fixed rows with what upstream's bootstrap roles give the same names. */

export interface Rule {
  /** Names of users or groups. */
  readonly subjects: readonly string[];
  readonly verbs: readonly string[];
  /** API groups, `''` is the core. */
  readonly groups?: readonly string[];
  /** `pods`, `pods/status`. */
  readonly resources?: readonly string[];
  /** Paths that are no resources; `*` at the end stands for anything. */
  readonly paths?: readonly string[];
}

const all = ['*'];
const read = ['get', 'list', 'watch'];
const write = [...read, 'create', 'update', 'patch', 'delete'];

const core = '';
const eventGroups = [core, 'events.k8s.io'];

const scheduler: readonly Rule[] = [
  {
    resources: ['nodes', 'namespaces', 'services', 'persistentvolumes', 'persistentvolumeclaims'],
    groups: [core],
    verbs: read,
  },
  { resources: ['pods'], groups: [core], verbs: [...read, 'delete'] },
  { resources: ['pods/binding', 'bindings'], groups: [core], verbs: ['create'] },
  { resources: ['pods/status'], groups: [core], verbs: ['patch', 'update'] },
  { resources: ['replicasets', 'statefulsets', 'deployments', 'daemonsets'], groups: ['apps'], verbs: read },
  { resources: ['events'], groups: eventGroups, verbs: ['create', 'patch', 'update', 'get'] },
  { resources: ['leases'], groups: ['coordination.k8s.io'], verbs: write },
].map((rule) => ({ ...rule, subjects: ['system:kube-scheduler'] }));

const nodes: readonly Rule[] = [
  { resources: ['nodes'], groups: [core], verbs: [...read, 'create', 'update', 'patch'] },
  { resources: ['nodes/status', 'pods/status'], groups: [core], verbs: ['get', 'update', 'patch'] },
  { resources: ['pods'], groups: [core], verbs: [...read, 'create', 'delete'] },
  { resources: ['pods/eviction', 'serviceaccounts/token'], groups: [core], verbs: ['create'] },
  {
    resources: ['services', 'endpoints', 'namespaces', 'configmaps', 'secrets', 'serviceaccounts'],
    groups: [core],
    verbs: read,
  },
  { resources: ['endpointslices'], groups: ['discovery.k8s.io'], verbs: read },
  { resources: ['events'], groups: eventGroups, verbs: ['create', 'patch', 'update', 'get'] },
  { resources: ['leases'], groups: ['coordination.k8s.io'], verbs: write },
  { resources: ['tokenreviews'], groups: ['authentication.k8s.io'], verbs: ['create'] },
  {
    resources: ['subjectaccessreviews', 'localsubjectaccessreviews'],
    groups: ['authorization.k8s.io'],
    verbs: ['create'],
  },
].map((rule) => ({ ...rule, subjects: ['system:nodes'] }));

const everybody: readonly Rule[] = [
  { paths: ['/api', '/api/*', '/apis', '/apis/*', '/openapi', '/openapi/*', '/version', '/version/'], verbs: ['get'] },
  { paths: ['/healthz', '/livez', '/readyz', '/healthz/*', '/livez/*', '/readyz/*'], verbs: ['get'] },
  {
    resources: ['selfsubjectaccessreviews', 'selfsubjectrulesreviews'],
    groups: ['authorization.k8s.io'],
    verbs: ['create'],
  },
  { resources: ['selfsubjectreviews'], groups: ['authentication.k8s.io'], verbs: ['create'] },
].map((rule) => ({ ...rule, subjects: ['system:authenticated'] }));

export const staticRules: readonly Rule[] = [
  { subjects: ['system:masters'], verbs: all, groups: all, resources: all, paths: all },
  // The garbage collector and the deletion of namespaces reach every kind.
  { subjects: ['system:kube-controller-manager'], verbs: all, groups: all, resources: all, paths: all },
  ...scheduler,
  ...nodes,
  ...everybody,
];
