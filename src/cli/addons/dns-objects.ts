/** Cluster DNS as objects of the API: a Deployment behind the Service `kube-dns`, which may read what names are made of. Pure. */
import type { KubeObject } from '../../api/client.ts';
import {
  clusterRoleBindings,
  clusterRoles,
  deployments,
  serviceAccounts,
  services,
  type ResourceType,
} from '../../api/resources.ts';
import type { ClusterRole, ClusterRoleBinding, Deployment, Service } from '../../api/types.gen.ts';

export interface DnsObjectsOptions {
  readonly image: string;
  /** One a family. */
  readonly clusterIPs: readonly string[];
  /** `cluster.local` */
  readonly domain: string;
  /** Ranges of pods and Services. */
  readonly reverseCIDRs: readonly string[];
}

export interface AddonObject {
  readonly type: ResourceType<KubeObject>;
  readonly object: KubeObject;
}

const namespace = 'kube-system';
/** The name of the Deployment and of all that is its own; the Service has the one that everybody knows. */
export const dnsName = 'podwire-dns';
const labels = { 'k8s-app': 'kube-dns' };
/** In the container, so that it needs no right to use a port below 1024. */
const port = 1053;
const healthPort = 8080;

const role = (): ClusterRole => ({
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRole',
  metadata: { name: `system:${dnsName}`, labels },
  rules: [
    { apiGroups: [''], resources: ['services', 'namespaces', 'pods'], verbs: ['list', 'watch'] },
    { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list', 'watch'] },
  ],
});

const binding = (): ClusterRoleBinding => ({
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRoleBinding',
  metadata: { name: `system:${dnsName}`, labels },
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: `system:${dnsName}` },
  subjects: [{ kind: 'ServiceAccount', name: dnsName, namespace }],
});

const service = ({ clusterIPs }: DnsObjectsOptions): Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { namespace, name: 'kube-dns', labels: { ...labels, 'kubernetes.io/cluster-service': 'true' } },
  spec: {
    clusterIP: clusterIPs[0] ?? '',
    clusterIPs: [...clusterIPs],
    ipFamilyPolicy: clusterIPs.length > 1 ? 'RequireDualStack' : 'SingleStack',
    selector: labels,
    ports: [
      { name: 'dns', port: 53, protocol: 'UDP', targetPort: port },
      { name: 'dns-tcp', port: 53, protocol: 'TCP', targetPort: port },
      { name: 'metrics', port: healthPort, protocol: 'TCP', targetPort: healthPort },
    ],
  },
});

/** What was known outlives the container, so that one that starts again needs no API server. */
const snapshotFolder = '/var/lib/podwire-dns';

const container = ({ image, domain, clusterIPs, reverseCIDRs }: DnsObjectsOptions) => ({
  name: 'dns',
  image,
  imagePullPolicy: 'Never',
  args: [
    'dns',
    `--cluster-domain=${domain}`,
    // A socket of IPv6 takes IPv4 as well.
    ...(clusterIPs.some((ip) => ip.includes(':')) ? ['--bind-address=::'] : []),
    `--port=${port}`,
    `--health-port=${healthPort}`,
    `--reverse-cidr=${reverseCIDRs.join(',')}`,
    `--snapshot=${snapshotFolder}/cluster`,
  ],
  // What an answer leaves behind is small and short-lived: half the memory of V8’s own setting.
  env: [{ name: 'NODE_OPTIONS', value: '--max-semi-space-size=4' }],
  volumeMounts: [{ name: 'snapshot', mountPath: snapshotFolder }],
  ports: [
    { name: 'dns', containerPort: port, protocol: 'UDP' },
    { name: 'dns-tcp', containerPort: port, protocol: 'TCP' },
    { name: 'metrics', containerPort: healthPort, protocol: 'TCP' },
  ],
  readinessProbe: { httpGet: { path: '/ready', port: healthPort }, periodSeconds: 1, failureThreshold: 3 },
  livenessProbe: { httpGet: { path: '/health', port: healthPort }, periodSeconds: 10, timeoutSeconds: 5 },
  resources: { requests: { cpu: '100m', memory: '64Mi' } },
  securityContext: {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    runAsNonRoot: true,
    runAsUser: 65_534,
    runAsGroup: 65_534,
    capabilities: { drop: ['ALL'] },
  },
});

const deployment = (options: DnsObjectsOptions): Deployment => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { namespace, name: dnsName, labels },
  spec: {
    selector: { matchLabels: labels },
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1 } },
    template: {
      metadata: { labels },
      spec: {
        serviceAccountName: dnsName,
        // Others' names are asked of whom the node asks.
        dnsPolicy: 'Default',
        tolerations: [
          { key: 'CriticalAddonsOnly', operator: 'Exists' },
          { key: 'node-role.kubernetes.io/control-plane', operator: 'Exists', effect: 'NoSchedule' },
        ],
        containers: [container(options)],
        volumes: [{ name: 'snapshot', emptyDir: {} }],
      },
    },
  },
});

/** In the order in which they are to be made. How many replicas there are is not said: one at first, more once there are nodes for them. */
export function dnsObjects(options: DnsObjectsOptions): readonly AddonObject[] {
  const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { namespace, name: dnsName, labels } };
  return [
    { type: serviceAccounts, object: account },
    { type: clusterRoles, object: role() },
    { type: clusterRoleBindings, object: binding() },
    { type: services, object: service(options) },
    { type: deployments, object: deployment(options) },
  ];
}
