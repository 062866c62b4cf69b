import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod, Service } from '../../api/types.gen.ts';
import { stamped, TriggerTimes } from './trigger-times.ts';

const at = (second: number): string => `2026-01-01T00:00:${String(second).padStart(2, '0')}Z`;
const service = (second: number): Service => ({
  metadata: { namespace: 'n', name: 'web', creationTimestamp: at(second) },
});
const pod = (name: string, second: number): Pod => ({
  metadata: { name },
  status: { conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: at(second) }] },
});

describe('the time of what changed last', () => {
  it('is the earliest of what is new, and none when nothing is', () => {
    const times = new TriggerTimes();
    assert.equal(times.since(service(1), []), at(1));
    assert.equal(times.since(service(1), [pod('a', 5), pod('b', 4)]), at(4));
    assert.equal(times.since(service(1), [pod('a', 5), pod('b', 4)]), undefined);
    assert.equal(times.since(service(1), [pod('a', 9), pod('b', 4)]), at(9));
    times.forget('n/web');
    assert.equal(times.since(service(1), [pod('b', 4)]), at(1));
  });

  it('stands on a slice in the place of an older one', () => {
    const annotation = 'endpoints.kubernetes.io/last-change-trigger-time';
    const slice = {
      metadata: { annotations: { [annotation]: at(1), other: 'x' } },
      addressType: 'IPv4',
      endpoints: [],
    };
    assert.deepEqual(stamped(slice, at(2)).metadata.annotations, { [annotation]: at(2), other: 'x' });
    assert.deepEqual(stamped(slice, undefined).metadata.annotations, { other: 'x' });
  });
});
