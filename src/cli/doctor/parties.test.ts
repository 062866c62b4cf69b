import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EndpointSlice, Node, Pod, Service } from '../../api/types.gen.ts';
import { chooseParties, waysOf, type ClusterObjects } from './parties.ts';

const node = (name: string, ...addresses: string[]): Node => ({
  metadata: { name },
  status: { addresses: addresses.map((address) => ({ type: 'InternalIP', address })) },
});
const pod = (name: string, nodeName: string, ips: readonly string[], change: Partial<Pod> = {}): Pod => ({
  metadata: { namespace: 'ns', name, uid: `uid-${name}` },
  spec: { nodeName, containers: [] },
  status: {
    phase: 'Running',
    podIP: ips[0] ?? '',
    podIPs: ips.map((ip) => ({ ip })),
    conditions: [{ type: 'Ready', status: 'True' }],
  },
  ...change,
});
const service = (name: string, clusterIP: string, protocol = 'TCP'): Service => ({
  metadata: { namespace: 'ns', name },
  spec: { clusterIP, clusterIPs: [clusterIP], ports: [{ name: 'a', protocol, port: 80 }] },
});
const slice = (name: string, ready: boolean): EndpointSlice => ({
  metadata: { namespace: 'ns', name: `${name}-1`, labels: { 'kubernetes.io/service-name': name } },
  addressType: 'IPv4',
  ports: [{ name: 'a', port: 8080 }],
  endpoints: [{ addresses: ['10.45.1.2'], conditions: { ready } }],
});
const objects = (change: Partial<ClusterObjects>): ClusterObjects => ({
  nodes: [node('n1', '10.44.0.11'), node('n2', '10.44.0.12')],
  pods: [],
  services: [],
  endpointSlices: [],
  ...change,
});
const names = (change: Partial<ClusterObjects>, perNode = 2): string[] =>
  chooseParties(objects(change), perNode, []).map(({ kind, name }) => `${kind} ${name}`);

test('of each node so many pods, those that are Ready first; none that is going, ended, or on the host network', () => {
  const notReady = { status: { phase: 'Running', podIP: '10.45.1.2' } };
  const pods = [
    pod('slow', 'n1', ['10.45.1.2'], notReady),
    pod('a', 'n1', ['10.45.1.3']),
    pod('b', 'n1', ['10.45.1.4']),
    pod('going', 'n2', ['10.45.2.2'], { metadata: { namespace: 'ns', name: 'going', deletionTimestamp: 'now' } }),
    pod('host', 'n2', ['10.44.0.12'], { spec: { nodeName: 'n2', hostNetwork: true, containers: [] } }),
    pod('done', 'n2', ['10.45.2.3'], { status: { phase: 'Succeeded', podIP: '10.45.2.3' } }),
    pod('c', 'n2', ['10.45.2.4']),
  ];
  assert.deepEqual(names({ pods }), ['pod ns/a', 'pod ns/b', 'pod ns/c', 'node n1', 'node n2']);
  assert.deepEqual(names({ pods }, 3).slice(0, 3), ['pod ns/a', 'pod ns/b', 'pod ns/slow']);
});

test('a Service takes part by the ports of TCP and UDP that somebody answers at', () => {
  const services = [
    service('web', '10.46.0.7'),
    service('nobody', '10.46.0.8'),
    service('waiting', '10.46.0.9'),
    service('udp', '10.46.0.10', 'UDP'),
    service('headless', 'None'),
  ];
  const endpointSlices = [slice('web', true), slice('waiting', false), slice('udp', true), slice('headless', true)];
  assert.deepEqual(names({ services, endpointSlices }), ['node n1', 'node n2', 'service ns/web', 'service ns/udp']);
  const [, , web, udp] = chooseParties(objects({ services, endpointSlices }), 2, []);
  assert.deepEqual([web?.port, web?.datagrams], [80, undefined]);
  assert.deepEqual([udp?.port, udp?.datagrams], [undefined, { port: 80, listener: 'somebody' }]);
});

test('pods and nodes call all others, each family by itself, and nobody calls itself', () => {
  const cluster = objects({
    nodes: [node('n1', '10.44.0.11', 'fd00:44::11')],
    pods: [pod('dual', 'n1', ['10.45.1.2', 'fd00:45::2']), pod('six', 'n1', ['fd00:45::3'])],
  });
  const parties = chooseParties(cluster, 9, ['203.0.113.1']);
  const ways = waysOf(parties).filter(({ protocol }) => protocol !== 'UDP');
  assert.deepEqual(
    ways.map(({ from, to, address }) => `${from.name} ${to.name} ${address}`),
    [
      'ns/dual ns/six fd00:45::3',
      'ns/dual n1 10.44.0.11',
      'ns/dual n1 fd00:44::11',
      'ns/dual outside 203.0.113.1',
      'ns/six ns/dual fd00:45::2',
      'ns/six n1 fd00:44::11',
      'n1 ns/dual 10.45.1.2',
      'n1 ns/dual fd00:45::2',
      'n1 ns/six fd00:45::3',
      'n1 outside 203.0.113.1',
    ],
  );
  const datagrams = waysOf(parties).filter(({ protocol }) => protocol === 'UDP');
  assert.deepEqual(
    datagrams.map(({ from, to, address }) => [from, to, address]),
    ways.map(({ from, to, address }) => [from, to, address]),
    'and by datagrams all the same',
  );
});

test('the outside takes part in the families of the nodes', () => {
  const both = ['203.0.113.1', '2001:db8::1'];
  const addresses = (...own: string[]) =>
    chooseParties(objects({ nodes: [node('n1', ...own)] }), 2, both).find(({ kind }) => kind === 'outside')?.addresses;
  assert.deepEqual(addresses('10.44.0.11', 'fd00:44::11'), both);
  assert.deepEqual(addresses('fd00:44::11'), ['2001:db8::1']);
});
