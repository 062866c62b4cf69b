import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Flow } from '../../kernel/conntrack.ts';
import { mayLeaveFlows, staleFlows, type Frontends } from './plan-flows.ts';

const frontends = (address: Record<string, string[]>, nodePort: Record<number, string[]> = {}): Frontends => ({
  byAddress: new Map(Object.entries(address).map(([key, value]) => [key, new Set(value)])),
  byNodePort: new Map(Object.entries(nodePort).map(([key, value]) => [Number(key), new Set(value)])),
});

function flow(to: string, port: number, from: string, fromPort: number, protocol = 'udp'): Flow {
  return {
    protocol,
    original: { source: '10.45.1.9', destination: to, sourcePort: 4000, destinationPort: port },
    reply: { source: from, destination: '10.45.1.9', sourcePort: fromPort, destinationPort: 4000 },
    unreplied: false,
  };
}

const nodeAddresses = new Set(['10.44.0.11']);
const clusterCIDR = '10.45.0.0/16';
const answerers = (flows: Flow[], now: Frontends, previous: Frontends | undefined): (string | undefined)[] =>
  staleFlows({ flows, frontends: now, previous, nodeAddresses, clusterCIDR }).map((filter) => filter.replySource);

test('flows to an endpoint that went are stale, flows to one that stays are not', () => {
  const now = frontends({ '10.46.0.5 53': ['10.45.1.2 53'] });
  const flows = [flow('10.46.0.5', 53, '10.45.1.2', 53), flow('10.46.0.5', 53, '10.45.2.2', 53)];
  assert.deepEqual(answerers(flows, now, now), ['10.45.2.2']);
});

test('the same endpoint on another port is another endpoint', () => {
  const now = frontends({ '10.46.0.5 53': ['10.45.1.2 5353'] });
  assert.deepEqual(answerers([flow('10.46.0.5', 53, '10.45.1.2', 53)], now, now), ['10.45.1.2']);
});

test('a flow that came before there were endpoints was never translated: stale now', () => {
  const untranslated = flow('10.46.0.5', 53, '10.46.0.5', 53);
  assert.deepEqual(answerers([untranslated], frontends({ '10.46.0.5 53': ['10.45.1.2 53'] }), undefined), [
    '10.46.0.5',
  ]);
  assert.deepEqual(answerers([untranslated], frontends({ '10.46.0.5 53': [] }), undefined), []);
});

test('a deleted Service leaves no flow, whether this process knew it or not', () => {
  const flows = [flow('10.46.0.5', 53, '10.45.1.2', 53), flow('10.44.0.11', 30053, '10.45.1.2', 53)];
  const before = frontends({ '10.46.0.5 53': ['10.45.1.2 53'] }, { 30053: ['10.45.1.2 53'] });
  assert.equal(answerers(flows, frontends({}), before).length, 2);
  // Without memory: another program may translate a port of the node, but nobody else a foreign address to a pod.
  assert.deepEqual(
    staleFlows({ flows, frontends: frontends({}), previous: undefined, nodeAddresses, clusterCIDR }).map(
      (one) => one.originalDestination,
    ),
    ['10.46.0.5'],
  );
});

test('what is not ours stays: other protocols, other addresses, a node port number on a foreign address', () => {
  const now = frontends({ '10.46.0.5 53': [] }, { 30053: [] });
  const flows = [
    flow('10.46.0.5', 53, '10.45.1.2', 53, 'tcp'),
    flow('192.0.2.1', 30053, '192.0.2.1', 30053),
    flow('192.0.2.1', 99, '192.0.2.2', 99),
  ];
  assert.deepEqual(answerers(flows, now, now), []);
});

test('flows are looked at only when somebody left or the first one came', () => {
  const one = frontends({ 'a 1': ['x 1'] });
  const two = frontends({ 'a 1': ['x 1', 'y 1'] });
  assert.equal(mayLeaveFlows(undefined, one), true);
  assert.equal(mayLeaveFlows(one, one), false);
  assert.equal(mayLeaveFlows(one, two), false);
  assert.equal(mayLeaveFlows(two, one), true);
  assert.equal(mayLeaveFlows(frontends({ 'a 1': [] }), one), true);
  assert.equal(mayLeaveFlows(one, frontends({})), true);
});
