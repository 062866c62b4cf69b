import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UsageError } from './errors.ts';
import { parseLogLimits, parseNodeLabels, parseTaints } from './node-settings.ts';

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

test('limits of logs: a size and a number of files', () => {
  assert.deepEqual(parseLogLimits('10Mi', 5), { maxBytes: 10_485_760, maxFiles: 5 });
  for (const size of ['0', '-1', 'ten', '']) assert.throws(() => parseLogLimits(size, 5), /container-log-max-size/);
  for (const files of [1, 2.5, NaN]) assert.throws(() => parseLogLimits('1Mi', files), /container-log-max-files/);
});
