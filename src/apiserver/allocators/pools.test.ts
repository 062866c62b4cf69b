import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createClusterIpPool } from './cluster-ips.ts';
import { createNodePortPool, parsePortRange } from './node-ports.ts';
import { staticBandOf } from './number-pool.ts';

const first = (): number => 0;

describe('cluster addresses', () => {
  it('any address comes from above the static band, which is 256 wide in a /16', () => {
    assert.equal(createClusterIpPool('10.46.0.0/16', first).takeAny(), '10.46.1.1');
  });

  it('an address that is asked for is taken once', () => {
    const pool = createClusterIpPool('10.46.0.0/16');
    assert.equal(pool.take('10.46.0.10'), undefined);
    assert.equal(pool.take('10.46.0.10'), 'provided IP is already allocated');
    pool.give('10.46.0.10');
    assert.equal(pool.take('10.46.0.10'), undefined);
  });

  const outside = ['10.46.0.0', '10.46.255.255', '10.47.0.1', 'fd00::1'];
  for (const address of outside) {
    it(`${address} is not an address of 10.46.0.0/16 to give`, () => {
      assert.equal(
        createClusterIpPool('10.46.0.0/16').take(address),
        `the provided IP (${address}) is not in the valid range. The range of valid IPs is 10.46.0.0/16`,
      );
    });
  }

  it('a /29 has six addresses, each given once, then none', () => {
    const pool = createClusterIpPool('10.0.0.0/29');
    const given = Array.from({ length: 6 }, () => pool.takeAny());
    assert.deepEqual(given.sort(), ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5', '10.0.0.6']);
    assert.equal(pool.takeAny(), undefined);
  });

  it('when all above the band is taken, the band serves everybody', () => {
    const pool = createClusterIpPool('10.0.0.0/27', first);
    const given = Array.from({ length: 15 }, () => pool.takeAny());
    assert.equal(given[0], '10.0.0.17');
    assert.equal(given[13], '10.0.0.30');
    assert.equal(given[14], '10.0.0.1');
  });

  it('the random start wraps around the end', () => {
    const pool = createClusterIpPool('10.0.0.0/27', (below) => below - 1);
    assert.deepEqual([pool.takeAny(), pool.takeAny()], ['10.0.0.30', '10.0.0.17']);
  });

  it('a huge IPv6 prefix gives from its first 65536, and any of its own on demand', () => {
    const pool = createClusterIpPool('fd00:46::/108', first);
    assert.equal(pool.family, 6);
    assert.equal(pool.takeAny(), 'fd00:46::101');
    assert.equal(pool.take('fd00:46::f:ffff'), undefined);
    assert.equal(pool.has('fd00:46::f:ffff'), true);
    assert.equal(createClusterIpPool('fd00:46::/108', (below) => below - 1).takeAny(), 'fd00:46::1:0');
  });
});

describe('node ports', () => {
  it('any port comes from above the static band, which is 86 wide in 30000-32767', () => {
    assert.equal(createNodePortPool({ from: 30_000, to: 32_767 }, first).takeAny(), 30_086);
  });

  it('ports outside of the range are refused with the range', () => {
    const pool = createNodePortPool({ from: 30_000, to: 32_767 });
    const says = 'provided port is not in the valid range. The range of valid ports is 30000-32767';
    assert.equal(pool.take(29_999), says);
    assert.equal(pool.take(32_768), says);
    assert.equal(pool.take(30_000), undefined);
    assert.equal(pool.take(30_000), 'provided port is already allocated');
  });

  it('a range is read from its text, and nonsense is refused', () => {
    assert.deepEqual(parsePortRange('30000-32767'), { from: 30_000, to: 32_767 });
    for (const text of ['', '30000', '2-1', '0-10', '1-70000', 'a-b']) assert.throws(() => parsePortRange(text), text);
  });
});

describe('the static band of a pool', () => {
  const cases: readonly [size: number, share: number, most: number, band: number][] = [
    [16, 16, 256, 0],
    [32, 16, 256, 16],
    [256, 16, 256, 16],
    [1024, 16, 256, 64],
    [65_536, 16, 256, 256],
    [2768, 32, 128, 86],
    [65_535, 32, 128, 128],
  ];
  for (const [size, share, most, band] of cases) {
    it(`of ${size} numbers is ${band} wide`, () => {
      assert.equal(staticBandOf(size, share, most), band);
    });
  }
});
