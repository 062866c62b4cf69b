import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EndpointSlice, Service } from '../../api/types.gen.ts';
import { ipv4 } from '../../kernel/family.ts';
import { objectSource } from '../testing/object-source.ts';
import { createTableKeeper } from './table-keeper.ts';

const service = (name: string, ip: string): Service => ({
  metadata: { namespace: 'shop', name },
  spec: { clusterIP: ip, ports: [{ port: 80 }] },
});
const slice = (name: string, ip: string): EndpointSlice => ({
  metadata: { namespace: 'shop', name: `${name}-1`, labels: { 'kubernetes.io/service-name': name } },
  addressType: 'IPv4',
  ports: [{ port: 8080 }],
  endpoints: [{ addresses: [ip] }],
});

test('only what differs is told, with what was before', () => {
  const services = [service('a', '10.46.0.1'), service('b', '10.46.0.2')];
  const slices = [slice('a', '10.45.1.1')];
  const keeper = createTableKeeper(objectSource(services, slices, { nodeName: 'node-a' }), ipv4);
  assert.deepEqual(
    keeper.update('all').map(({ key, before }) => [key, before.length]),
    [
      ['shop/a', 0],
      ['shop/b', 0],
    ],
  );
  assert.deepEqual(keeper.update('all'), []);

  slices[0] = slice('a', '10.45.1.2');
  services.pop();
  const changes = keeper.update(new Set(['shop/a', 'shop/b', 'shop/unknown']));
  assert.deepEqual(
    changes.map(({ key, before, after }) => [key, before[0]?.endpoints[0]?.ip, after[0]?.endpoints[0]?.ip]),
    [
      ['shop/a', '10.45.1.1', '10.45.1.2'],
      ['shop/b', undefined, undefined],
    ],
  );
  assert.deepEqual([...keeper.table.keys()], ['shop/a']);
});

test('what nobody named is not looked at', () => {
  const services = [service('a', '10.46.0.1')];
  const keeper = createTableKeeper(objectSource(services, [], { nodeName: 'node-a' }), ipv4);
  keeper.update('all');
  services[0] = service('a', '10.46.0.7');
  assert.deepEqual(keeper.update(new Set(['shop/b'])), []);
  assert.equal(keeper.update('all').length, 1);
});
