import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answersPerSecond, latencies } from './dnsperf.ts';

const statistics = (good: number): string => `
  Queries sent:         1000
  Queries completed:    1000 (100.00%)
  Queries lost:         0 (0.00%)

  Response codes:       NOERROR ${good} (95.00%), NXDOMAIN ${1000 - good} (5.00%)
  Queries per second:   45220.5
`;

test('the rate of a run counts when its answers are good', () => {
  assert.equal(answersPerSecond(statistics(1000)), 45_220.5);
  assert.throws(() => answersPerSecond(statistics(950)), /not all was answered/);
  assert.throws(() => answersPerSecond('Error: connection refused'), /not all was answered/);
});

test('a verbose run tells the time of each answer', () => {
  assert.deepEqual(latencies('> NOERROR a.svc A 0.000126\n> T b.svc A\n> NOERROR b.svc A 0.001\n'), [126, 1000]);
});
