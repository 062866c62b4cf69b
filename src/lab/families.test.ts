import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkConfig, defaultConfig, LabError, machineNamed, nodeNames, type LabConfig } from './config.ts';
import {
  apiServerUrl,
  apiServiceAddresses,
  clusterAddresses,
  dnsAddresses,
  hostAddress6,
  machineAddress6,
  podCIDRs,
  routerAddress6,
} from './families.ts';
import { ipv6RangesFor } from './ipv6-ranges.ts';
import { parseRanges, wantedRanges } from './wanted-ranges.ts';

const config = (change: Partial<LabConfig>): LabConfig => ({ ...defaultConfig, nodes: nodeNames(3), ...change });
const ipv6 = ipv6RangesFor(defaultConfig.nodeCIDR);

test('the IPv6 ranges of a lab have its IPv4 range inside, so no two labs share one', () => {
  assert.deepEqual(ipv6, {
    nodeCIDR: 'fd44:a2c::/62',
    podCIDR: 'fd44:a2c:0:100::/56',
    serviceCIDR: 'fd44:a2c:0:10::/112',
  });
  assert.equal(ipv6RangesFor('172.31.7.0/24').nodeCIDR, 'fd44:ac1f:700::/62');
});

test('a machine has the same place in both ranges, on whichever segment', () => {
  const dual = config({ ipFamily: 'dual', ipv6 });
  assert.deepEqual(clusterAddresses(dual, machineNamed(dual, 'node1')), ['10.44.0.11', 'fd44:a2c::b']);
  assert.deepEqual([hostAddress6(dual), routerAddress6(dual, 1)], ['fd44:a2c::1', 'fd44:a2c::4']);
  const split = config({ ipFamily: 'dual', ipv6, segments: 2 });
  assert.equal(machineAddress6(split, machineNamed(split, 'node2')), 'fd44:a2c:0:1::c');
});

test('what the cluster is told: IPv4 first of two, IPv6 alone where it is alone', () => {
  const dual = config({ ipFamily: 'dual', ipv6 });
  assert.deepEqual(podCIDRs(dual), ['10.45.0.0/16', 'fd44:a2c:0:100::/56']);
  assert.deepEqual(dnsAddresses(dual), ['10.46.0.10', 'fd44:a2c:0:10::a']);
  assert.deepEqual(apiServiceAddresses(dual), ['10.46.0.1', 'fd44:a2c:0:10::1']);
  assert.equal(apiServerUrl(dual), 'https://10.44.0.2:6443');
  const alone = config({ ipFamily: 'ipv6', ipv6 });
  assert.deepEqual(clusterAddresses(alone, machineNamed(alone, 'node1')), ['fd44:a2c::b']);
  assert.equal(apiServerUrl(alone), 'https://[fd44:a2c::2]:6443');
  assert.deepEqual(podCIDRs(config({})), ['10.45.0.0/16']);
});

test('ranges of both families as a person writes them', () => {
  assert.deepEqual(parseRanges('10.61.0.0/16,fd00:61::1/56'), { 4: '10.61.0.0/16', 6: 'fd00:61::/56' });
  assert.deepEqual(
    wantedRanges({ nodeCIDR: undefined, podCIDR: 'fd00:61::/56', serviceCIDR: '10.62.0.0/16,fd00:62::/112' }),
    { serviceCIDR: '10.62.0.0/16', ipv6: { podCIDR: 'fd00:61::/56', serviceCIDR: 'fd00:62::/112' } },
  );
  for (const text of ['10.61.0.0/16,10.62.0.0/16', 'fd00::/8,fd00::/8', '10.61.0.0/16,', 'x'])
    assert.throws(() => parseRanges(text), LabError, text);
});

for (const [what, change, message] of [
  ['a family without its ranges', { ipFamily: 'dual' }, /ipFamily dual/],
  ['ranges without their family', { ipv6 }, /ipFamily ipv4/],
  ['ranges that overlap', { ipFamily: 'dual', ipv6: { ...ipv6, podCIDR: 'fd44:a2c::/48' } }, /overlap/],
  ['too few pods', { ipFamily: 'dual', ipv6: { ...ipv6, podCIDR: 'fd00:61::/60' } }, /a \/56 or more/],
  ['too many Services', { ipFamily: 'dual', ipv6: { ...ipv6, serviceCIDR: 'fd00:62::/64' } }, /108 to 120/],
  [
    'one switch for two segments',
    { ipFamily: 'dual', segments: 2, ipv6: { ...ipv6, nodeCIDR: 'fd00:60::/64' } },
    /each segment needs a \/64/,
  ],
] as const)
  test(`${what}: refused`, () => {
    assert.throws(
      () => checkConfig(config(change)),
      (error) => error instanceof LabError && message.test(error.message),
    );
  });
