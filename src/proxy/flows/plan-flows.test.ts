import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Flow } from '../../kernel/conntrack.ts';
import type { Endpoint, ServicePort } from '../model/service-port.ts';
import { FrontendTable } from './frontends.ts';
import { staleFlows } from './plan-flows.ts';

const endpoint = (text: string): Endpoint => {
  const [ip = '', port = ''] = text.split(' ');
  return { ip, port: Number(port), local: false, pod: '' };
};

/** A port at 10.46.0.5:53, node port 30053, with those who serve. */
function portOf(serving: string[], more: Partial<ServicePort> = {}): ServicePort {
  const endpoints = serving.map(endpoint);
  return {
    name: 'shop/dns',
    service: 'shop/dns',
    protocol: 'udp',
    port: 53,
    clusterIPs: ['10.46.0.5'],
    externalIPs: [],
    loadBalancerIPs: [],
    sourceRanges: undefined,
    nodePort: 30053,
    internalPolicy: 'Cluster',
    externalPolicy: 'Cluster',
    affinitySeconds: undefined,
    endpoints,
    localEndpoints: [],
    serving: endpoints,
    ...more,
  };
}

function flow(to: string, from: string, protocol = 'udp'): Flow {
  const [destination = '', destinationPort = ''] = to.split(' ');
  const [source = '', sourcePort = ''] = from.split(' ');
  return {
    protocol,
    original: { source: '10.45.1.9', destination, sourcePort: 4000, destinationPort: Number(destinationPort) },
    reply: { source, destination: '10.45.1.9', sourcePort: Number(sourcePort), destinationPort: 4000 },
    unreplied: protocol === 'tcp',
  };
}

const a = '10.45.1.2 53';
const b = '10.45.2.2 53';
const clusterIP = '10.46.0.5 53';
const nodePort = '10.44.0.11 30053';
const nodeAddresses = new Set(['10.44.0.11']);
const clusterCIDR = '10.45.0.0/16';

/** `frontend -> answerer` of what is stale after the changes, the last of them told with what it left. */
function stale(flows: Flow[], changes: [ServicePort[], ServicePort[]][], atStart = false): string[] {
  const frontends = new FrontendTable();
  let left = new Set<string>();
  for (const [before, after] of changes)
    left = new Set(frontends.apply([{ key: 'shop/dns', before, after }]).map(({ key }) => key));
  const input = { flows, frontends, left: atStart ? new Set<string>() : left, atStart, nodeAddresses, clusterCIDR };
  return staleFlows(input).map(
    (one) => `${one.originalDestination} ${one.originalDestinationPort} -> ${one.replySource} ${one.replySourcePort}`,
  );
}

test('flows to an endpoint that went are stale, flows to one that stays are not', () => {
  const [two, one] = [[portOf([a, b])], [portOf([a])]];
  const flows = [flow(clusterIP, a), flow(clusterIP, b), flow(nodePort, b)];
  const changes: [ServicePort[], ServicePort[]][] = [
    [[], two],
    [two, one],
  ];
  assert.deepEqual(stale(flows, changes), [`${clusterIP} -> ${b}`, `${nodePort} -> ${b}`]);
});

test('the same endpoint on another port is another endpoint', () => {
  assert.deepEqual(stale([flow(clusterIP, a)], [[[], [portOf(['10.45.1.2 5353'])]]]), [`${clusterIP} -> ${a}`]);
});

test('a flow that came before there were endpoints was never translated: stale now', () => {
  const untranslated = [flow(clusterIP, clusterIP)];
  assert.deepEqual(stale(untranslated, [[[], [portOf([a])]]]), [`${clusterIP} -> ${clusterIP}`]);
  assert.deepEqual(stale(untranslated, [[[], [portOf([])]]]), []);
});

test('a deleted Service leaves no flow, whether this process knew it or not', () => {
  const port = [portOf([a])];
  const flows = [flow(clusterIP, a), flow(nodePort, a)];
  const known: [ServicePort[], ServicePort[]][] = [
    [[], port],
    [port, []],
  ];
  assert.equal(stale(flows, known).length, 2);
  // Without memory: another program may translate a port of the node, but nobody else a foreign address to a pod.
  assert.deepEqual(stale(flows, [], true), [`${clusterIP} -> ${a}`]);
});

test('no endpoint at all: every translated flow is stale', () => {
  const port = [portOf([a])];
  assert.deepEqual(
    stale(
      [flow(clusterIP, a)],
      [
        [[], port],
        [port, [portOf([])]],
      ],
    ),
    [`${clusterIP} -> ${a}`],
  );
});

test('what is not ours stays: other protocols, other addresses, a node port number on a foreign address', () => {
  const flows = [
    flow(clusterIP, a, 'tcp'),
    flow('192.0.2.1 30053', '192.0.2.1 30053'),
    flow('192.0.2.1 99', '192.0.2.2 99'),
  ];
  assert.deepEqual(stale(flows, [[[], [portOf([])]]]), []);
});

test('a TCP flow is deleted only as long as nobody has answered it', () => {
  const frontends = new FrontendTable();
  frontends.apply([{ key: 'shop/dns', before: [], after: [portOf([a], { protocol: 'tcp' })] }]);
  const input = { frontends, left: new Set<string>(), atStart: false, nodeAddresses, clusterCIDR };
  const [filter] = staleFlows({ ...input, flows: [flow(clusterIP, b, 'tcp')] });
  assert.equal(filter?.state, 'SYN_SENT');
});

test('flows are looked for only where somebody left or the first one came', () => {
  const frontends = new FrontendTable();
  const affected = (before: ServicePort[], after: ServicePort[]): string[] =>
    frontends.apply([{ key: 'shop/dns', before, after }]).map(({ key }) => key);
  const [none, one, two] = [[portOf([])], [portOf([a])], [portOf([a, b])]];
  assert.deepEqual(affected([], none), []);
  assert.deepEqual(affected(none, one), ['udp 10.46.0.5 53', 'udp * 30053']);
  assert.deepEqual(affected(one, two), []);
  assert.deepEqual(affected(two, one), ['udp 10.46.0.5 53', 'udp * 30053']);
  assert.deepEqual(affected(one, []), ['udp 10.46.0.5 53', 'udp * 30053']);
  // TCP without endpoints is refused, and a refused flow is none.
  const tcp = [portOf([a], { protocol: 'tcp' })];
  assert.deepEqual(affected([], tcp), []);
  assert.deepEqual(affected(tcp, []), ['tcp 10.46.0.5 53', 'tcp * 30053']);
});

test('an address that two Services name is served by both', () => {
  const frontends = new FrontendTable();
  const first = portOf([a], { name: 'x/a', clusterIPs: [], externalIPs: ['10.46.0.5'], nodePort: undefined });
  const second = { ...first, name: 'x/b', serving: [endpoint(b)] };
  frontends.apply([
    { key: 'x/a', before: [], after: [first] },
    { key: 'x/b', before: [], after: [second] },
  ]);
  frontends.apply([{ key: 'x/a', before: [first], after: [] }]);
  assert.equal(frontends.answers('udp 10.46.0.5 53', '10.45.2.2', 53), true);
  assert.equal(frontends.answers('udp 10.46.0.5 53', '10.45.1.2', 53), false);
});
