import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Endpoint, EndpointSlice, Service } from '../api/types.gen.ts';
import { ipv4 } from '../kernel/family.ts';
import { createDepartures } from './departures.ts';
import { servicePorts } from './model/service-ports.ts';

const service: Service = {
  metadata: { namespace: 'shop', name: 'web' },
  spec: { clusterIP: '10.78.0.1', ports: [{ port: 80 }] },
};

const endpoint = (ip: string, uid: string): Endpoint => ({
  addresses: [ip],
  conditions: { ready: true, serving: true, terminating: false },
  nodeName: 'node-a',
  targetRef: { kind: 'Pod', namespace: 'shop', name: uid, uid },
});

function addressesWithout(leaving: ReadonlySet<string>, ...endpoints: readonly Endpoint[]): string[] {
  const slice: EndpointSlice = {
    metadata: { name: 'web' },
    addressType: 'IPv4',
    ports: [{ port: 8080 }],
    endpoints: [...endpoints],
  };
  return servicePorts(service, [slice], ipv4, { nodeName: 'node-a', leaving }).flatMap(({ endpoints: chosen }) =>
    chosen.map(({ ip }) => ip),
  );
}

test('a pod that departs is out of the table, whatever its slices still say', () => {
  const both = [endpoint('10.77.1.2', 'a'), endpoint('10.77.1.3', 'b')];
  assert.deepEqual(addressesWithout(new Set(), ...both), ['10.77.1.2', '10.77.1.3']);
  assert.deepEqual(addressesWithout(new Set(['a']), ...both), ['10.77.1.3']);
});

test('the last one stays as long as it serves: a request to it may succeed, a refusal cannot', () => {
  assert.deepEqual(addressesWithout(new Set(['a']), endpoint('10.77.1.2', 'a')), ['10.77.1.2']);
});

test('who asks is answered by a commit that was computed afterwards, and only if it succeeded', async () => {
  const departures = createDepartures();
  const answered: string[] = [];
  let requests = 0;
  departures.onRequest(() => (requests += 1));
  const computedBefore = departures.boarding();
  const answer = departures.endpointGone('a').then(() => answered.push('a'));
  assert.equal(requests, 1);
  computedBefore();
  // A commit that fails does not come back to what it was given.
  departures.boarding();
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(answered, []);
  departures.boarding()();
  await answer;
  assert.deepEqual(answered, ['a']);
});

test('who asks before the proxy runs is heard once it does', () => {
  const departures = createDepartures();
  void departures.endpointGone('a');
  let requests = 0;
  departures.onRequest(() => (requests += 1));
  assert.equal(requests, 1);
});

test('pods that no slice names any more are forgotten', () => {
  const departures = createDepartures();
  void departures.endpointGone('a');
  void departures.endpointGone('b');
  departures.forget((uid) => uid === 'b');
  assert.deepEqual([...departures.leaving], ['b']);
});
