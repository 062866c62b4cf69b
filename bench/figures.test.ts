import assert from 'node:assert/strict';
import test from 'node:test';
import { quantile, summarise, table } from './figures.ts';

test('quantiles are nearest-rank, whatever the order of the values', () => {
  assert.equal(quantile([5, 1, 4, 2, 3], 0.5), 3);
  assert.equal(quantile([5, 1, 4, 2, 3], 0.99), 5);
  assert.ok(Number.isNaN(quantile([], 0.5)));
  assert.deepEqual(summarise([10, 20]), { n: 2, p50: 10, p95: 20, p99: 20, max: 20 });
});

test('the table shows medians of rounds and the ratio to the peer', () => {
  const text = table({
    podwire: [{ ready: 50 }, { ready: 70 }, { ready: 60 }],
    stock: [{ ready: 500 }, { ready: 700 }, { ready: 600 }],
  });
  assert.equal(text.split('\n').at(-1), '| ready | 60 | 600 | 0.1 |');
});
