import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ratioOf } from './ratio.ts';

test('pairs that are all alike have an interval of nothing', () => {
  const { ratio, low, high } = ratioOf([
    [1, 2],
    [2, 4],
    [10, 20],
  ]);
  for (const value of [ratio, low, high]) assert.ok(Math.abs(value - 0.5) < 1e-9);
});

test('the interval is as wide as Student says', () => {
  // Logarithms 0.1, -0.1: mean 0, deviation 0.1414, standard error 0.1, t of one degree 12.706.
  const { ratio, low, high } = ratioOf([
    [Math.exp(0.1), 1],
    [Math.exp(-0.1), 1],
  ]);
  assert.ok(Math.abs(ratio - 1) < 1e-9);
  assert.ok(Math.abs(Math.log(high) - 1.2706) < 1e-6);
  assert.ok(Math.abs(Math.log(low) + 1.2706) < 1e-6);
});
