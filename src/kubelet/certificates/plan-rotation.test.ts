import assert from 'node:assert/strict';
import { test } from 'node:test';
import { retryDelayMs, rotationTime } from './plan-rotation.ts';

test('a certificate is renewed between 70 and 90 % of its life', () => {
  const life = { fromMs: 1000, toMs: 2000 };
  assert.deepEqual(
    [0, 0.5, 1].map((share) => Math.round(rotationTime(life, share))),
    [1700, 1800, 1900],
  );
});

test('who is refused asks again ever more seldom, and never later than after five minutes', () => {
  assert.deepEqual(
    [1, 2, 3, 9, 1000].map((failures) => [retryDelayMs(failures, 0), retryDelayMs(failures, 1)]),
    [
      [500, 1_000],
      [1_000, 2_000],
      [2_000, 4_000],
      [128_000, 256_000],
      [150_000, 300_000],
    ],
  );
});
