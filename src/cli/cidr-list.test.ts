import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCIDRs } from './cidr-list.ts';

test('one range, one of each family in the order they stand, or none', () => {
  assert.deepEqual(parseCIDRs('cluster-cidr', '10.45.0.0/16'), ['10.45.0.0/16']);
  assert.deepEqual(parseCIDRs('cluster-cidr', 'fd00::/48, 10.45.0.0/16'), ['fd00::/48', '10.45.0.0/16']);
  assert.deepEqual(parseCIDRs('load-balancer-cidr', ''), []);
});

for (const [text, message] of [
  ['10.45.0.0', /^--cluster-cidr: "10\.45\.0\.0" is not an address range/],
  ['10.45.0.0/16,', /^--cluster-cidr: "" is not an address range/],
  ['10.45.0.0/16,10.46.0.0/16', /two ranges of one family/],
  ['10.0.0.0/16,fd00::/48,fd01::/48', /two ranges of one family/],
] as const)
  test(`${text} is refused`, () => {
    assert.throws(() => parseCIDRs('cluster-cidr', text), { message });
  });
