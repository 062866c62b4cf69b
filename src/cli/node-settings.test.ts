import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UsageError } from './errors.ts';
import { parseNodeLabels, parseTaints } from './node-settings.ts';

test('labels as the kubelet takes them', () => {
  assert.deepEqual(parseNodeLabels('disk=ssd,example.com/rack=7,spare'), {
    disk: 'ssd',
    'example.com/rack': '7',
    spare: '',
  });
  assert.deepEqual(parseNodeLabels(''), {});
  assert.throws(() => parseNodeLabels('a=b=c'), UsageError);
  assert.throws(() => parseNodeLabels('=b'), UsageError);
});

test('taints as the kubelet takes them', () => {
  assert.deepEqual(parseTaints('gpu=true:NoSchedule,spare:NoExecute,x=:PreferNoSchedule'), [
    { key: 'gpu', value: 'true', effect: 'NoSchedule' },
    { key: 'spare', effect: 'NoExecute' },
    { key: 'x', effect: 'PreferNoSchedule' },
  ]);
  assert.deepEqual(parseTaints(''), []);
  for (const text of ['gpu', 'gpu=true', 'gpu:Never', ':NoSchedule'])
    assert.throws(() => parseTaints(text), UsageError);
});
