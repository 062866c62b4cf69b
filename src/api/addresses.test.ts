import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  contains,
  familyOf,
  formatCIDR,
  formatIP,
  nextAddress,
  nthAddress,
  nthSubnet,
  offsetOf,
  overlaps,
  parseCIDR,
  parseIP,
  sizeOf,
  subnetCount,
  tryParseCIDR,
} from './addresses.ts';

const canonical = (text: string): string | undefined => {
  const ip = parseIP(text);
  return ip === undefined ? undefined : formatIP(ip);
};

test('addresses are written canonically (RFC 5952)', () => {
  const cases: Readonly<Record<string, string>> = {
    '10.45.0.1': '10.45.0.1',
    '255.255.255.255': '255.255.255.255',
    '::': '::',
    '::1': '::1',
    '1::': '1::',
    '2001:DB8::1': '2001:db8::1',
    '2001:db8:0:0:1:0:0:1': '2001:db8::1:0:0:1',
    '2001:db8:0:1:1:1:1:1': '2001:db8:0:1:1:1:1:1',
    '2001:0:0:1:0:0:0:1': '2001:0:0:1::1',
    '::ffff:10.0.0.1': '::ffff:10.0.0.1',
    '64:ff9b::192.0.2.33': '64:ff9b::c000:221',
    'fd00:0:0:0:0:0:0:0': 'fd00::',
  };
  for (const [text, expected] of Object.entries(cases)) assert.equal(canonical(text), expected, text);
});

test('what is no address is refused', () => {
  const texts = [
    '',
    '1.2.3',
    '1.2.3.4.5',
    '256.0.0.1',
    '01.2.3.4',
    '1.2.3.4 ',
    'a.b.c.d',
    ':',
    ':::',
    '1::2::3',
    '12345::',
  ];
  texts.push(
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7::8',
    'fe80::1%eth0',
    '1.2.3.4::',
    '::1.2.3',
    '::1.2.3.4:5',
  );
  for (const text of texts) assert.equal(parseIP(text), undefined, JSON.stringify(text));
  assert.equal(familyOf('10.0.0.1'), 4);
  assert.equal(familyOf('::1'), 6);
  assert.equal(familyOf('localhost'), undefined);
});

test('prefixes lose their host bits, and bad ones throw', () => {
  assert.equal(formatCIDR(parseCIDR('10.45.3.7/16')), '10.45.0.0/16');
  assert.equal(formatCIDR(parseCIDR('fd00:1:2:3::9/48')), 'fd00:1:2::/48');
  assert.equal(formatCIDR(parseCIDR('0.0.0.0/0')), '0.0.0.0/0');
  for (const text of ['10.0.0.0', '10.0.0.0/33', '::/129', '10.0.0.0/8/8', '10.0.0.0/-1', '10.0.0.0/08', 'x/8']) {
    assert.throws(() => parseCIDR(text), /not a CIDR/, text);
    assert.equal(tryParseCIDR(text), undefined);
  }
});

test('contains looks at the family and at both ends', () => {
  const pods = parseCIDR('10.45.1.0/24');
  assert.equal(contains(pods, '10.45.1.0'), true);
  assert.equal(contains(pods, '10.45.1.255'), true);
  assert.equal(contains(pods, '10.45.2.0'), false);
  assert.equal(contains(pods, '10.45.0.255'), false);
  assert.equal(contains(pods, '::a2d:100'), false);
  assert.equal(contains(pods, 'nonsense'), false);
});

test('addresses count up from the base and down from the end', () => {
  const services = parseCIDR('10.46.0.0/16');
  assert.equal(nthAddress(services, 1), '10.46.0.1');
  assert.equal(nthAddress(services, 256), '10.46.1.0');
  assert.equal(nthAddress(services, -1), '10.46.255.255');
  assert.equal(nthAddress(parseCIDR('fd00::/64'), 2n ** 64n - 1n), 'fd00::ffff:ffff:ffff:ffff');
  assert.throws(() => nthAddress(services, 65_536));
  assert.throws(() => nthAddress(services, -65_537));
  assert.equal(offsetOf(services, '10.46.1.0'), 256n);
  assert.equal(offsetOf(services, '10.47.0.0'), undefined);
  assert.equal(sizeOf(services), 65_536n);
});

test('the next address crosses bytes and ends with the family', () => {
  assert.equal(nextAddress('10.45.0.255'), '10.45.1.0');
  assert.equal(nextAddress('::ffff'), '::1:0');
  assert.throws(() => nextAddress('255.255.255.255'));
  assert.throws(() => nextAddress('nonsense'));
});

test('a prefix is cut into smaller ones', () => {
  const cluster = parseCIDR('10.45.0.0/16');
  assert.equal(formatCIDR(nthSubnet(cluster, 24, 0)), '10.45.0.0/24');
  assert.equal(formatCIDR(nthSubnet(cluster, 24, 255)), '10.45.255.0/24');
  assert.throws(() => nthSubnet(cluster, 24, 256));
  assert.throws(() => nthSubnet(cluster, 8, 0));
  assert.equal(subnetCount(cluster, 24), 256);
  assert.equal(subnetCount(cluster, 8), 0);
});

test('overlap is symmetric', () => {
  const [wide, inside, beside] = [parseCIDR('10.45.0.0/16'), parseCIDR('10.45.9.0/24'), parseCIDR('10.46.0.0/16')];
  assert.equal(overlaps(wide, inside), true);
  assert.equal(overlaps(inside, wide), true);
  assert.equal(overlaps(wide, beside), false);
  assert.equal(overlaps(wide, parseCIDR('::/0')), false);
});
