import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ServicePort } from '../model/service-port.ts';
import { createClaims, frontsOf } from './fronts.ts';

function port(service: string, more: Partial<ServicePort>): ServicePort {
  return {
    name: `${service}:web`,
    service,
    protocol: 'tcp',
    port: 80,
    clusterIPs: [],
    externalIPs: [],
    loadBalancerIPs: [],
    sourceRanges: undefined,
    nodePort: undefined,
    internalPolicy: 'Cluster',
    externalPolicy: 'Cluster',
    affinitySeconds: undefined,
    endpoints: [],
    localEndpoints: [],
    serving: [],
    ...more,
  };
}

test('where a port listens', () => {
  const one = port('a/x', {
    clusterIPs: ['10.0.0.1'],
    externalIPs: ['192.0.2.1', '192.0.2.2'],
    loadBalancerIPs: ['192.0.2.2'],
    sourceRanges: ['10.0.0.0/8'],
    nodePort: 30000,
    protocol: 'udp',
  });
  assert.deepEqual(
    frontsOf(one).map(({ key, kind, sourceRanges }) => `${kind} ${key}${sourceRanges === undefined ? '' : ' ranges'}`),
    [
      'cluster 10.0.0.1 . 17 . 80',
      'external 192.0.2.1 . 17 . 80',
      'external 192.0.2.2 . 17 . 80 ranges',
      'node 17 . 30000',
    ],
  );
});

test('one owner an address: nobody takes a cluster IP by writing it into externalIPs', () => {
  const claims = createClaims();
  const thief = port('a/thief', { externalIPs: ['10.0.0.1'] });
  const owner = port('b/owner', { clusterIPs: ['10.0.0.1'] });
  const front = (one: ServicePort) => frontsOf(one)[0] ?? assert.fail();
  assert.deepEqual([...claims.replace([], [thief])], []);
  assert.ok(claims.owns(thief, front(thief)));
  assert.deepEqual([...claims.replace([], [owner])], ['a/thief'], 'it has lost its address');
  assert.ok(claims.owns(owner, front(owner)));
  assert.ok(!claims.owns(thief, front(thief)));
  assert.deepEqual([...claims.replace([owner], [])], ['a/thief'], 'and has it again');
  assert.ok(claims.owns(thief, front(thief)));
});

test('of two external IPs the first name has it, whoever came first', () => {
  const claims = createClaims();
  const [a, b] = [port('a/x', { externalIPs: ['192.0.2.1'] }), port('b/x', { externalIPs: ['192.0.2.1'] })];
  claims.replace([], [b]);
  claims.replace([], [a]);
  assert.ok(claims.owns(a, frontsOf(a)[0] ?? assert.fail()));
  assert.ok(!claims.owns(b, frontsOf(b)[0] ?? assert.fail()));
});
