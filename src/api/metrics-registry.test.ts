import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRegistry } from './metrics-registry.ts';

test('the text format: counters, gauges, readings and cumulative buckets', () => {
  const registry = createRegistry();
  const asked = registry.counter('asked_total', 'How often.');
  asked.inc({ code: '200' });
  asked.inc({ code: '200' }, 2);
  registry.gauge('full', 'How full.').set(0.5, { who: 'a "b"\n' });
  registry.reading('now', 'Read now.', () => 7);
  registry.reading('unknown', 'Not known.', () => undefined);
  const took = registry.histogram('took_seconds', 'How long.', [0.1, 1]);
  for (const value of [0.1, 0.2, 5]) took.observe(value);
  assert.equal(
    registry.text(),
    `# HELP asked_total How often.
# TYPE asked_total counter
asked_total{code="200"} 3
# HELP full How full.
# TYPE full gauge
full{who="a \\"b\\"\\n"} 0.5
# HELP now Read now.
# TYPE now gauge
now 7
# HELP took_seconds How long.
# TYPE took_seconds histogram
took_seconds_bucket{le="0.1"} 1
took_seconds_bucket{le="1"} 2
took_seconds_bucket{le="+Inf"} 3
took_seconds_sum 5.3
took_seconds_count 3
`,
  );
});
