/**
 * What a packet to a Service should do, as data. Run against the tracer over generated rules (src/proxy) and against a real
 * kernel (test/kernel/proxy-packets.test.ts). Two nodes, three pods, one host outside the cluster.
 */
import type { EndpointSlice, Node, Service } from '../../src/api/types.gen.ts';

export const clusterCIDR = '10.77.0.0/16';

/** Who there is, and its address. A pod's node is the letter of its name. */
export const addresses = {
  'node-a': '192.168.77.11',
  'node-b': '192.168.77.12',
  outside: '192.168.77.200',
  a1: '10.77.1.2',
  a2: '10.77.1.3',
  b1: '10.77.2.2',
} as const;

export type Party = keyof typeof addresses;
export const podCIDRs = { 'node-a': '10.77.1.0/24', 'node-b': '10.77.2.0/24' } as const;
export const gateways = { 'node-a': '10.77.1.1', 'node-b': '10.77.2.1' } as const;

/** Every pod and node-b answers on these. */
export const serverPorts = { tcp: 8080, udp: 8053 } as const;

export interface PacketCase {
  readonly name: string;
  readonly from: Party;
  readonly to: string;
  readonly port: number;
  readonly protocol: 'tcp' | 'udp';
  /** The node whose rules decide: where the packet comes in. */
  readonly on: 'node-a' | 'node-b';
  readonly expect:
    | { readonly answers: readonly Party[]; readonly source: 'own' | 'node' }
    | { readonly refused: true }
    | { readonly dropped: true };
}

export const clusterNodes: readonly Node[] = (['node-a', 'node-b'] as const).map((name) => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name, uid: `uid-${name}` },
  spec: { podCIDR: podCIDRs[name], podCIDRs: [podCIDRs[name]] },
  status: { addresses: [{ type: 'InternalIP', address: addresses[name] }] },
}));

type Port = { name?: string; port: number; protocol?: 'TCP' | 'UDP' | 'SCTP'; nodePort?: number };
type Spec = NonNullable<Service['spec']>;

function service(name: string, clusterIP: string, ports: readonly Port[], more: Partial<Spec> = {}): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { namespace: 'default', name },
    spec: { clusterIP, clusterIPs: [clusterIP], ports: ports.map((port) => ({ ...port })), ...more },
  };
}

const nodeOf = (party: Party): string => (party.startsWith('a') || party === 'node-a' ? 'node-a' : 'node-b');

function slice(
  name: string,
  ports: readonly Port[],
  parties: readonly Party[],
  conditions: { ready: boolean; serving: boolean; terminating: boolean } = {
    ready: true,
    serving: true,
    terminating: false,
  },
): EndpointSlice {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      namespace: 'default',
      name: `${name}-${ports.map(({ port }) => port).join('-')}`,
      labels: { 'kubernetes.io/service-name': name },
    },
    addressType: 'IPv4',
    ports: ports.map((port) => ({ ...port })),
    endpoints: parties.map((party) => ({
      addresses: [addresses[party]],
      nodeName: nodeOf(party),
      conditions: { ...conditions },
      ...(party.length === 2 ? { targetRef: { kind: 'Pod', namespace: 'default', name: party } } : {}),
    })),
  };
}

const tcp: Port = { port: 8080, protocol: 'TCP' };
const udp: Port = { port: 8053, protocol: 'UDP' };

export const clusterServices: readonly Service[] = [
  service('web', '10.78.0.10', [{ port: 80, nodePort: 30080 }], { externalIPs: ['192.168.77.250'] }),
  service('self', '10.78.0.11', [{ port: 80, nodePort: 30081 }]),
  service('names', '10.78.0.12', [{ port: 53, protocol: 'UDP', nodePort: 30053 }]),
  service('nobody', '10.78.0.13', [
    { name: 'web', port: 80, nodePort: 30082 },
    { name: 'names', port: 53, protocol: 'UDP', nodePort: 30054 },
  ]),
  service('far', '10.78.0.14', [{ port: 80, nodePort: 30083 }], { externalTrafficPolicy: 'Local' }),
  service('near', '10.78.0.15', [{ port: 80, nodePort: 30084 }], { externalTrafficPolicy: 'Local' }),
  service('both', '10.78.0.16', [
    { name: 'dns-tcp', port: 53, protocol: 'TCP' },
    { name: 'dns', port: 53, protocol: 'UDP' },
  ]),
  service('ending', '10.78.0.17', [{ port: 80 }]),
  service('homely', '10.78.0.18', [{ port: 80 }], { internalTrafficPolicy: 'Local' }),
  service('away', '10.78.0.19', [{ port: 80 }], { internalTrafficPolicy: 'Local' }),
  service('host', '10.78.0.20', [{ port: 80 }]),
];

export const clusterSlices: readonly EndpointSlice[] = [
  slice('web', [tcp], ['a1', 'a2', 'b1']),
  slice('self', [tcp], ['a1']),
  slice('names', [udp], ['a2', 'b1']),
  slice('far', [tcp], ['b1']),
  slice('near', [tcp], ['a1', 'b1']),
  slice('both', [{ ...tcp, name: 'dns-tcp' }], ['a1']),
  slice('both', [{ ...udp, name: 'dns' }], ['a2']),
  slice('ending', [tcp], ['b1'], { ready: false, serving: true, terminating: true }),
  slice('homely', [tcp], ['a1', 'b1']),
  slice('away', [tcp], ['b1']),
  slice('host', [tcp], ['node-b']),
];

type Expect = PacketCase['expect'];
const own = (...answers: Party[]): Expect => ({ answers, source: 'own' });
const asNode = (...answers: Party[]): Expect => ({ answers, source: 'node' });
const refused: Expect = { refused: true };
const dropped: Expect = { dropped: true };

type Row = readonly [
  name: string,
  from: Party,
  to: string,
  port: number,
  protocol: 'tcp' | 'udp',
  on: 'node-a' | 'node-b',
  expect: Expect,
];

const a = addresses['node-a'];
const b = addresses['node-b'];

const rows: readonly Row[] = [
  ['a pod to a pod of its node', 'a1', addresses.a2, 8080, 'tcp', 'node-a', own('a2')],
  ['a pod to a pod of another node', 'a1', addresses.b1, 8080, 'tcp', 'node-a', own('b1')],
  ['a pod to another node', 'a1', b, 8080, 'tcp', 'node-a', own('node-b')],
  ['a pod to a cluster IP', 'b1', '10.78.0.10', 80, 'tcp', 'node-b', own('a1', 'a2')],
  ['a pod to a cluster IP answered by itself', 'a1', '10.78.0.11', 80, 'tcp', 'node-a', asNode('a1')],
  ['a pod to a cluster IP answered on its own node', 'a2', '10.78.0.11', 80, 'tcp', 'node-a', own('a1')],
  ['a pod to a cluster IP answered by another node', 'a1', '10.78.0.20', 80, 'tcp', 'node-a', own('node-b')],
  ['a node to a cluster IP', 'node-a', '10.78.0.10', 80, 'tcp', 'node-a', asNode('a1', 'a2', 'b1')],
  ['the outside to an external IP', 'outside', '192.168.77.250', 80, 'tcp', 'node-a', asNode('a1', 'a2', 'b1')],
  ['the outside to a node port', 'outside', a, 30080, 'tcp', 'node-a', asNode('a1', 'a2', 'b1')],
  ['another node to a node port', 'node-b', a, 30080, 'tcp', 'node-a', asNode('a1', 'a2', 'b1')],
  ['a node to its own node port', 'node-a', a, 30080, 'tcp', 'node-a', asNode('a1', 'a2', 'b1')],
  ['a node to the node port on its bridge', 'node-a', gateways['node-a'], 30081, 'tcp', 'node-a', asNode('a1')],
  ['a pod to a node port of its node', 'a2', a, 30081, 'tcp', 'node-a', asNode('a1')],
  ['a pod to a node port of another node', 'b1', a, 30081, 'tcp', 'node-a', asNode('a1')],
  ['a pod to a node port answered by itself', 'a1', a, 30081, 'tcp', 'node-a', asNode('a1')],
  ['a datagram to a cluster IP', 'a1', '10.78.0.12', 53, 'udp', 'node-a', own('a2', 'b1')],
  ['a datagram from outside to a node port', 'outside', a, 30053, 'udp', 'node-a', asNode('a2', 'b1')],
  ['a cluster IP without endpoints', 'a1', '10.78.0.13', 80, 'tcp', 'node-a', refused],
  ['a cluster IP without endpoints, from a node', 'node-a', '10.78.0.13', 80, 'tcp', 'node-a', refused],
  ['a datagram to a cluster IP without endpoints', 'a1', '10.78.0.13', 53, 'udp', 'node-a', refused],
  ['a node port without endpoints', 'outside', a, 30082, 'tcp', 'node-a', refused],
  ['a datagram to a node port without endpoints', 'outside', a, 30054, 'udp', 'node-a', refused],
  ['a node port without endpoints, from a pod', 'a1', a, 30082, 'tcp', 'node-a', refused],
  ['policy Local, answered here', 'outside', a, 30084, 'tcp', 'node-a', own('a1')],
  ['policy Local, answered on the other node', 'outside', b, 30084, 'tcp', 'node-b', own('b1')],
  ['policy Local, nobody here', 'outside', a, 30083, 'tcp', 'node-a', dropped],
  ['policy Local, nobody here, but a pod asks', 'a1', a, 30083, 'tcp', 'node-a', own('b1')],
  ['policy Local, nobody here, but the node asks', 'node-a', a, 30083, 'tcp', 'node-a', asNode('b1')],
  ['policy Local says nothing about cluster IPs', 'a1', '10.78.0.14', 80, 'tcp', 'node-a', own('b1')],
  ['one port number, TCP', 'b1', '10.78.0.16', 53, 'tcp', 'node-b', own('a1')],
  ['one port number, UDP', 'b1', '10.78.0.16', 53, 'udp', 'node-b', own('a2')],
  ['only endpoints that end but still serve', 'a1', '10.78.0.17', 80, 'tcp', 'node-a', own('b1')],
  ['internal policy Local', 'a2', '10.78.0.18', 80, 'tcp', 'node-a', own('a1')],
  ['internal policy Local, nobody here', 'a2', '10.78.0.19', 80, 'tcp', 'node-a', dropped],
  ['internal policy Local, a node asks', 'node-a', '10.78.0.18', 80, 'tcp', 'node-a', asNode('a1')],
];

export const packetCases: readonly PacketCase[] = rows.map(([name, from, to, port, protocol, on, expect]) => ({
  name,
  from,
  to,
  port,
  protocol,
  on,
  expect,
}));
