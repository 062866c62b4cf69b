/**
 * The cluster of the cases as NetworkPolicies see it: which namespaces there are, which pods in them, and the Service of one.
 *
 * ```
 *   shop: a1 app=web     a2 app=client tier=front     b2 app=db       away: b1 app=client
 * ```
 */
import type {
  EndpointSlice,
  Namespace,
  NetworkPolicy,
  NetworkPolicySpec,
  Pod,
  Service,
} from '../../../src/api/types.gen.ts';
import { addressesOf, familyNames, nodeOf, serverPorts, type PodName } from '../world.ts';

interface PodFacts {
  readonly namespace: string;
  readonly labels: Record<string, string>;
  /** The number of its port `http`. */
  readonly http: number;
}

export const policyPods: Readonly<Record<PodName, PodFacts>> = {
  a1: { namespace: 'shop', labels: { app: 'web' }, http: serverPorts.tcp },
  a2: { namespace: 'shop', labels: { app: 'client', tier: 'front' }, http: serverPorts.tcp },
  b1: { namespace: 'away', labels: { app: 'client' }, http: serverPorts.tcp },
  b2: { namespace: 'shop', labels: { app: 'db' }, http: serverPorts.otherTcp },
};

export const policyNamespaces: readonly Namespace[] = [
  { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop', uid: 'shop', labels: { team: 'sales' } } },
  { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'away', uid: 'away', labels: { team: 'field' } } },
];

export function podObject(name: PodName): Pod {
  const { namespace, labels, http } = policyPods[name];
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace, name, uid: `uid-${name}`, labels },
    spec: {
      nodeName: nodeOf(name),
      containers: [
        {
          name: 'server',
          ports: [
            { name: 'http', containerPort: http },
            { name: 'dns', containerPort: serverPorts.udp, protocol: 'UDP' },
          ],
        },
      ],
    },
    status: { phase: 'Running', podIPs: familyNames.map((family) => ({ ip: addressesOf[name][family] })) },
  };
}

/** A policy of namespace shop. */
export function policy(name: string, spec: NetworkPolicySpec): NetworkPolicy {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { namespace: 'shop', name, uid: name },
    spec: { podSelector: {}, ...spec },
  };
}

/** Leads to a1 alone. */
export const webService = {
  clusterIP: { ipv4: '10.78.99.1', ipv6: 'fd00:78::9901' },
  port: 80,
  nodePort: 30_999,
} as const;

export const webObjects: { readonly service: Service; readonly slices: readonly EndpointSlice[] } = {
  service: {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { namespace: 'shop', name: 'web', uid: 'web' },
    spec: {
      type: 'NodePort',
      clusterIP: webService.clusterIP.ipv4,
      clusterIPs: Object.values(webService.clusterIP),
      ipFamilies: ['IPv4', 'IPv6'],
      ipFamilyPolicy: 'RequireDualStack',
      ports: [{ port: webService.port, nodePort: webService.nodePort, protocol: 'TCP', targetPort: serverPorts.tcp }],
    },
  },
  slices: familyNames.map((family) => ({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      namespace: 'shop',
      name: `web-${family}`,
      uid: `web-${family}`,
      labels: { 'kubernetes.io/service-name': 'web' },
    },
    addressType: family === 'ipv4' ? 'IPv4' : 'IPv6',
    ports: [{ name: '', port: serverPorts.tcp, protocol: 'TCP' }],
    endpoints: [{ addresses: [addressesOf.a1[family]], nodeName: 'node-a', conditions: { ready: true } }],
  })),
};
