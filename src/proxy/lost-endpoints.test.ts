import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Endpoint, EndpointSlice } from '../api/types.gen.ts';
import { losesEndpoint } from './lost-endpoints.ts';

const endpoint = (ip: string, ready = true): Endpoint => ({ addresses: [ip], conditions: { ready } });
const slice = (...endpoints: readonly Endpoint[]): EndpointSlice => ({
  metadata: { name: 'web' },
  addressType: 'IPv4',
  endpoints: [...endpoints],
});
const [a, b] = [endpoint('10.77.1.2'), endpoint('10.77.1.3')];
const updated = (previous: EndpointSlice, object: EndpointSlice): boolean =>
  losesEndpoint({ type: 'updated', object, previous });

test('in a hurry is what takes somebody out, and nothing else', () => {
  assert.equal(losesEndpoint({ type: 'added', object: slice(a) }), false);
  assert.equal(updated(slice(a), slice(a, b)), false);
  assert.equal(updated(slice(a, endpoint('10.77.1.3', false)), slice(a)), false);
  assert.equal(updated(slice(a, b), slice(a)), true);
  assert.equal(updated(slice(a, b), slice(a, endpoint('10.77.1.3', false))), true);
  assert.equal(updated(slice(a), slice(b)), true);
  assert.equal(losesEndpoint({ type: 'deleted', object: slice(a) }), true);
  assert.equal(losesEndpoint({ type: 'deleted', object: slice(endpoint('10.77.1.3', false)) }), false);
});
