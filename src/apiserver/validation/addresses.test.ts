import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { oneOfEachFamily, validateCIDR, validateEndpointIP, validateIP } from './addresses.ts';

describe('addresses in objects', () => {
  const cases: readonly { check: typeof validateIP; value: string; says: string }[] = [
    { check: validateIP, value: '10.46.0.1', says: '' },
    { check: validateIP, value: 'fd00::1', says: '' },
    { check: validateIP, value: '10.46.0', says: 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)' },
    { check: validateIP, value: '010.46.0.1', says: 'must not have leading 0s' },
    { check: validateIP, value: '::ffff:10.0.0.1', says: 'must not be an IPv4-mapped IPv6 address' },
    { check: validateCIDR, value: '10.45.0.0/16', says: '' },
    { check: validateCIDR, value: 'fd00:45::/64', says: '' },
    { check: validateCIDR, value: '10.45.0.1/16', says: 'must not have bits set beyond the prefix length' },
    {
      check: validateCIDR,
      value: '10.45.0.0/33',
      says: 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)',
    },
    { check: validateEndpointIP, value: '10.45.0.2', says: '' },
    { check: validateEndpointIP, value: '0.0.0.0', says: 'may not be unspecified (0.0.0.0)' },
    { check: validateEndpointIP, value: '::', says: 'may not be unspecified (::)' },
    {
      check: validateEndpointIP,
      value: '127.9.9.9',
      says: 'may not be in the loopback range (127.0.0.0/8, ::1/128)',
    },
    { check: validateEndpointIP, value: '::1', says: 'may not be in the loopback range (127.0.0.0/8, ::1/128)' },
    {
      check: validateEndpointIP,
      value: '169.254.169.254',
      says: 'may not be in the link-local range (169.254.0.0/16, fe80::/10)',
    },
    {
      check: validateEndpointIP,
      value: 'febf::1',
      says: 'may not be in the link-local range (169.254.0.0/16, fe80::/10)',
    },
    {
      check: validateEndpointIP,
      value: '224.0.0.5',
      says: 'may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)',
    },
    { check: validateEndpointIP, value: '224.0.1.5', says: '' },
  ];
  for (const { check, value, says } of cases) {
    it(`${check.name} of ${value}: ${says || 'fine'}`, () => {
      const expected = says === '' ? [] : [`Invalid value: "${value}": ${says}`];
      assert.deepEqual(
        check('ip', value).map(({ message }) => message),
        expected,
      );
    });
  }

  it('of each family there may be one', () => {
    assert.equal(oneOfEachFamily([]), true);
    assert.equal(oneOfEachFamily(['10.0.0.1', 'fd00::1']), true);
    assert.equal(oneOfEachFamily(['10.0.0.1', '10.0.0.2']), false);
  });
});
