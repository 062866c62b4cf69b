import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCIDRs, parseLoadBalancerRanges } from './cidr-list.ts';

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

test('ranges for load balancers, and the nodes that answer for each', () => {
  const parse = (text: string): unknown => parseLoadBalancerRanges('load-balancer-cidr', text);
  assert.deepEqual(parse(''), []);
  assert.deepEqual(parse('10.44.0.224/27'), [{ cidrs: ['10.44.0.224/27'] }]);
  assert.deepEqual(parse('10.44.0.112/28,fd44::70/124@10.44.0.0/25;10.44.0.240/28@10.44.0.128/25'), [
    { cidrs: ['10.44.0.112/28', 'fd44::70/124'], nodes: ['10.44.0.0/25'] },
    { cidrs: ['10.44.0.240/28'], nodes: ['10.44.0.128/25'] },
  ]);
  for (const text of [';', '10.44.0.0/27@', '@10.44.0.0/25', '10.0.0.0/8@10.1.0.0/16@10.2.0.0/16', '10.0.0.0/8@x'])
    assert.throws(() => parse(text), { message: /^--load-balancer-cidr: / });
});
