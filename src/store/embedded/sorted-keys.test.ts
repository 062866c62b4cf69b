import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SortedKeys } from './sorted-keys.ts';

test('as many keys are counted as there are, over the edges of chunks', () => {
  const keys = new SortedKeys();
  for (let number = 0; number < 3000; number += 1) keys.add(`/${number % 3}/${String((number * 7919) % 3000)}`);
  for (const prefix of ['/', '/0/', '/1/', '/2/29', '/3', '']) {
    for (const after of [undefined, '/1/', '/1/1234', '/2/999', '/0/0', '/9']) {
      assert.equal(keys.count(prefix, after), [...keys.range(prefix, after)].length, `${prefix} after ${after}`);
    }
  }
  assert.equal(new SortedKeys().count('/'), 0);
});
