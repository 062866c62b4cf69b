import assert from 'node:assert/strict';
import { test } from 'node:test';
import { proxyTable } from './proxy-figures.ts';

test('a row a contender and size; what was not measured is a dash', () => {
  const size = { contender: 'a', N: 100, E: 2 };
  const rows = [
    { ...size, phase: 'cold', cold_ms: 573.3, cpu_user_s: 0.14, cpu_sys_s: 0.07, rss_mb: 59.9 },
    {
      ...size,
      phase: 'change',
      change: { p50: 41, p95: 55.8 },
      api: { p50: 7.6, p95: 9 },
      cpu_per_100: 1.8,
      rss_mb: 60,
    },
    { ...size, contender: 'b', phase: 'failed', error: 'died' },
  ];
  const [, , a = '', b = ''] = proxyTable(rows).split('\n');
  assert.match(a, /^\| 100 × 2 \| a \| 573.3 \| 0.21 \| 41 \/ 55.8 \| 7.6 \| 1.8 \| – \/ – \| .* \| 60 \|$/);
  assert.match(b, /^\| 100 × 2 \| b \| – \|/);
});
