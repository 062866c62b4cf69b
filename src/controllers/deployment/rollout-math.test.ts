import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Deployment, IntOrString } from '../../api/types.gen.ts';
import {
  fenceposts,
  newReplicaSetSize,
  proportionalSizes,
  scaleDownOld,
  type Share,
  type Size,
} from './rollout-math.ts';

function rolling(replicas: number, maxSurge: IntOrString, maxUnavailable: IntOrString): Deployment {
  return {
    metadata: {},
    spec: {
      replicas,
      selector: {},
      template: {},
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge, maxUnavailable } },
    },
  };
}

describe('fence posts', () => {
  const cases: readonly [number, IntOrString, IntOrString, number, number][] = [
    [4, '25%', '25%', 1, 1],
    [3, '25%', '25%', 1, 0],
    [1, '25%', '25%', 1, 0],
    [10, 3, 2, 3, 2],
    [10, 0, 0, 0, 1],
    [2, 0, '10%', 0, 1],
    [2, 1, 5, 1, 2],
    [0, '50%', '50%', 0, 0],
  ];
  for (const [replicas, surge, unavailable, maxSurge, maxUnavailable] of cases) {
    it(`${replicas} replicas, surge ${surge}, unavailable ${unavailable}`, () => {
      assert.deepEqual(fenceposts(rolling(replicas, surge, unavailable)), { maxSurge, maxUnavailable });
    });
  }

  it('do not count for Recreate', () => {
    const deployment = rolling(4, 2, 2);
    const spec = { selector: {}, template: {}, ...deployment.spec, strategy: { type: 'Recreate' } };
    assert.deepEqual(fenceposts({ ...deployment, spec }), { maxSurge: 0, maxUnavailable: 0 });
  });
});

describe('the size of the new ReplicaSet', () => {
  const cases: readonly { wished: number; surge: number; total: number; current: number; size: number }[] = [
    { wished: 10, surge: 2, total: 10, current: 0, size: 2 },
    { wished: 10, surge: 0, total: 10, current: 0, size: 0 },
    { wished: 10, surge: 0, total: 8, current: 0, size: 2 },
    { wished: 10, surge: 5, total: 12, current: 6, size: 9 },
    { wished: 10, surge: 5, total: 10, current: 9, size: 10 },
    { wished: 10, surge: 2, total: 14, current: 3, size: 3 },
    { wished: 2, surge: 1, total: 5, current: 5, size: 2 },
    { wished: 3, surge: 1, total: 0, current: 0, size: 3 },
  ];
  for (const { wished, surge, total, current, size } of cases) {
    it(`wished ${wished}, surge ${surge}, all ${total}, now ${current}`, () => {
      assert.equal(newReplicaSetSize(wished, surge, total, current), size);
    });
  }
});

describe('one step down of the old ReplicaSets', () => {
  const size = (replicas: number, available: number): Size => ({ replicas, available });
  const cases: readonly {
    name: string;
    wished: number;
    unavailable: number;
    newest: Size;
    old: Size[];
    sizes: number[];
  }[] = [
    {
      name: 'nothing before the new ones are available',
      wished: 3,
      unavailable: 0,
      newest: size(1, 0),
      old: [size(3, 3)],
      sizes: [3],
    },
    { name: 'one for one', wished: 3, unavailable: 0, newest: size(1, 1), old: [size(3, 3)], sizes: [2] },
    {
      name: 'as many as may be missing',
      wished: 10,
      unavailable: 2,
      newest: size(0, 0),
      old: [size(10, 10)],
      sizes: [8],
    },
    {
      name: 'broken ones first, oldest first',
      wished: 10,
      unavailable: 2,
      newest: size(0, 0),
      old: [size(5, 3), size(5, 5)],
      sizes: [3, 5],
    },
    {
      name: 'broken new ones hold the old ones',
      wished: 10,
      unavailable: 2,
      newest: size(5, 0),
      old: [size(8, 8)],
      sizes: [8],
    },
    {
      name: 'all when the new ones are there',
      wished: 3,
      unavailable: 0,
      newest: size(3, 3),
      old: [size(1, 1), size(1, 1)],
      sizes: [0, 0],
    },
    {
      name: 'broken ones beyond all budgets go only as far as the budget',
      wished: 4,
      unavailable: 1,
      newest: size(1, 0),
      old: [size(4, 0)],
      sizes: [3],
    },
  ];
  for (const { name, wished, unavailable, newest, old, sizes } of cases) {
    it(name, () => {
      assert.deepEqual(scaleDownOld(wished, unavailable, newest, old), sizes);
    });
  }
});

describe('proportional scaling', () => {
  const share = (replicas: number, maxReplicasBefore: number): Share => ({ replicas, maxReplicasBefore });
  // The documentation's own example: 10 replicas, surge 3, unavailable 2, rolling with 8 old and 5 new; scaled to 15.
  it('up: 8 and 5 of 10+3 become 11 and 7 of 15+3', () => {
    assert.deepEqual(proportionalSizes(15, 3, 13, [share(8, 13), share(5, 13)]), [11, 7]);
  });
  it('down: 8 and 5 of 10+3 become 5 and 3 of 5+3', () => {
    assert.deepEqual(proportionalSizes(5, 3, 13, [share(8, 13), share(5, 13)]), [5, 3]);
  });
  it('to nothing', () => {
    assert.deepEqual(proportionalSizes(0, 3, 13, [share(8, 13), share(5, 13)]), [0, 0]);
  });
  it('what rounding leaves over goes to the largest', () => {
    assert.deepEqual(proportionalSizes(7, 0, 6, [share(2, 6), share(2, 6), share(2, 6)]), [3, 2, 2]);
  });
  it('nothing to add, nothing changed', () => {
    assert.deepEqual(proportionalSizes(10, 3, 13, [share(8, 13), share(5, 13)]), [8, 5]);
  });
});
