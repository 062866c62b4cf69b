/** Objects for DNS through a Service: names to ask for, two CoreDNS as stock clusters have them, and a pod to ask from. */

const account = { kind: 'ServiceAccount', name: 'coredns', namespace: 'kube-system' };
const labels = { app: 'coredns' };
const group = 'rbac.authorization.k8s.io';

/** The settings of every stock cluster, without what needs the outside. */
const corefile = `.:53 {
    errors
    health
    ready
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
        ttl 30
    }
    prometheus :9153
    cache 30
    loadbalance
}
`;

const rights = [
  { apiGroups: [''], resources: ['endpoints', 'services', 'pods', 'namespaces'], verbs: ['list', 'watch'] },
  { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list', 'watch'] },
];

const deployment = (folder: string): object => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'coredns', namespace: 'kube-system' },
  spec: {
    replicas: 2,
    selector: { matchLabels: labels },
    template: {
      metadata: { labels },
      spec: {
        serviceAccountName: 'coredns',
        containers: [
          {
            name: 'coredns',
            image: 'busybox',
            imagePullPolicy: 'IfNotPresent',
            command: ['/peer/coredns', '-conf', '/etc/coredns/Corefile'],
            volumeMounts: [
              { name: 'peer', mountPath: '/peer', readOnly: true },
              { name: 'config', mountPath: '/etc/coredns', readOnly: true },
            ],
            readinessProbe: { httpGet: { path: '/ready', port: 8181 }, periodSeconds: 1 },
            resources: { requests: { cpu: '100m', memory: '70Mi' } },
          },
        ],
        volumes: [
          { name: 'peer', hostPath: { path: folder } },
          { name: 'config', configMap: { name: 'coredns' } },
        ],
      },
    },
  },
});

/** `folder`: where the binary `coredns` lies on every node. */
export const coreDnsObjects = (folder: string): readonly object[] => [
  { apiVersion: 'v1', kind: account.kind, metadata: { name: account.name, namespace: account.namespace } },
  { apiVersion: `${group}/v1`, kind: 'ClusterRole', metadata: { name: 'coredns' }, rules: rights },
  {
    apiVersion: `${group}/v1`,
    kind: 'ClusterRoleBinding',
    metadata: { name: 'coredns' },
    roleRef: { apiGroup: group, kind: 'ClusterRole', name: 'coredns' },
    subjects: [account],
  },
  {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'coredns', namespace: 'kube-system' },
    data: { Corefile: corefile },
  },
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'coredns', namespace: 'kube-system' },
    spec: { selector: labels, ports: [{ name: 'dns', port: 53, protocol: 'UDP' }] },
  },
  deployment(folder),
];

export const namedServices = (count: number): readonly object[] =>
  Array.from({ length: count }, (_, index) => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: `service${index}`, namespace: 'default' },
    spec: { ports: [{ port: 80 }] },
  }));

/** On the node of that name. */
export const askerPod = (nodeName: string): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'asker', namespace: 'default' },
  spec: {
    nodeName,
    containers: [{ name: 'asker', image: 'busybox', imagePullPolicy: 'IfNotPresent', command: ['sleep', '100000'] }],
  },
});
