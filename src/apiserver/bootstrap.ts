/**
 * What every cluster has from its first moment, and has again after every start: the four system namespaces, the default
 * ranges of Services, and the Service `kubernetes` with its endpoints, through which pods reach the API server.
 */
import { familyOf, formatCIDR, nthAddress, parseCIDR } from '../api/addresses.ts';
import { endpoints, endpointSlices, namespaces, serviceCIDRs, services } from '../api/resources.ts';
import type { Endpoints, EndpointSlice, Service } from '../api/types.gen.ts';
import { ensure, type BootstrapClient } from './ensure.ts';
import { validateEndpointIP } from './validation/addresses.ts';
import { same } from './validation/same.ts';

export interface BootstrapOptions {
  readonly client: BootstrapClient;
  /** The Service gets the first address of the (first) prefix. */
  readonly serviceCIDR: string;
  /** Where the server can be reached from every node. */
  readonly advertiseAddress: string;
  /** The server's port; 6443 when left out. */
  readonly port?: number;
}

const SYSTEM_NAMESPACES = ['default', 'kube-system', 'kube-public', 'kube-node-lease'];
const NAME = 'kubernetes';
const NAMESPACE = 'default';

function kubernetesService({ serviceCIDR, port = 6443 }: BootstrapOptions): Service {
  const cidr = parseCIDR(serviceCIDR.split(',')[0]?.trim() ?? '');
  const address = nthAddress(cidr, 1);
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: NAME, namespace: NAMESPACE, labels: { component: 'apiserver', provider: NAME } },
    spec: {
      type: 'ClusterIP',
      clusterIP: address,
      clusterIPs: [address],
      ipFamilies: [cidr.family === 6 ? 'IPv6' : 'IPv4'],
      ipFamilyPolicy: 'SingleStack',
      sessionAffinity: 'None',
      ports: [{ name: 'https', port: 443, protocol: 'TCP', targetPort: port }],
    },
  };
}

function kubernetesEndpoints({ advertiseAddress, port = 6443 }: BootstrapOptions): Endpoints {
  return {
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: {
      name: NAME,
      namespace: NAMESPACE,
      // The slice below is written here too; nobody shall make a second one of these endpoints.
      labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' },
    },
    subsets: [{ addresses: [{ ip: advertiseAddress }], ports: [{ name: 'https', port, protocol: 'TCP' }] }],
  };
}

function kubernetesSlice({ advertiseAddress, port = 6443 }: BootstrapOptions): EndpointSlice {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: NAME, namespace: NAMESPACE, labels: { 'kubernetes.io/service-name': NAME } },
    addressType: familyOf(advertiseAddress) === 6 ? 'IPv6' : 'IPv4',
    endpoints: [{ addresses: [advertiseAddress], conditions: { ready: true } }],
    ports: [{ name: 'https', port, protocol: 'TCP' }],
  };
}

/** Makes what is missing and corrects what is wrong. Rejects with an ApiError when the server refuses. */
export async function bootstrap(options: BootstrapOptions): Promise<void> {
  const { client } = options;
  for (const name of SYSTEM_NAMESPACES) {
    const wanted = { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
    await ensure(client, namespaces, wanted, () => false);
  }
  const service = kubernetesService(options);
  await ensure(client, services, service, (stored) => {
    if (same(stored.spec?.ports, service.spec?.ports)) return false;
    stored.spec = { ...stored.spec, ports: service.spec?.ports ?? [] };
    return true;
  });
  await ensureDefaultRanges(options);
  await ensureEndpoints(options);
}

/** The flags' ranges as an object. A second family may come to it; what else differs is somebody's own doing. */
async function ensureDefaultRanges({ client, serviceCIDR }: BootstrapOptions): Promise<void> {
  const cidrs = serviceCIDR.split(',').map((cidr) => formatCIDR(parseCIDR(cidr.trim())));
  const wanted = { apiVersion: 'networking.k8s.io/v1', kind: 'ServiceCIDR', metadata: { name: NAME }, spec: { cidrs } };
  await ensure(client, serviceCIDRs, wanted, (stored) => {
    const before = stored.spec?.cidrs ?? [];
    if (before.length !== 1 || cidrs.length !== 2 || before[0] !== cidrs[0]) return false;
    stored.spec = { cidrs };
    return true;
  });
}

/** At a loopback address nobody else reaches the server: then there are no endpoints. */
async function ensureEndpoints(options: BootstrapOptions): Promise<void> {
  const { client, advertiseAddress } = options;
  if (validateEndpointIP('', advertiseAddress).length > 0) return;
  const wantedEndpoints = kubernetesEndpoints(options);
  await ensure(client, endpoints, wantedEndpoints, (stored) => {
    if (same(stored.subsets, wantedEndpoints.subsets)) return false;
    stored.subsets = wantedEndpoints.subsets ?? [];
    return true;
  });
  const slice = kubernetesSlice(options);
  await ensure(client, endpointSlices, slice, (stored) => {
    if (same([stored.endpoints, stored.ports], [slice.endpoints, slice.ports])) return false;
    stored.endpoints = slice.endpoints ?? [];
    stored.ports = slice.ports ?? [];
    return true;
  });
}
