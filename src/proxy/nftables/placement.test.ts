import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Endpoint } from '../model/service-port.ts';
import { place } from './placement.ts';

const endpoint = (name: string): Endpoint => ({ ip: name, port: 80, local: false, pod: '' });
const list = (names: string): Endpoint[] => [...names].map((name) => endpoint(name));
const placed = (before: string, wanted: string): string =>
  place(
    [...before].map((name) => (name === '.' ? undefined : endpoint(name))),
    list(wanted),
  )
    .map(({ ip }) => ip)
    .join('');

const cases = [
  { name: 'nothing was there', before: '', wanted: 'abc', expect: 'abc' },
  { name: 'the order in the kernel stays', before: 'cab', wanted: 'abc', expect: 'cab' },
  { name: 'a new one comes last', before: 'cab', wanted: 'abcd', expect: 'cabd' },
  { name: 'the last one takes the place of one that went', before: 'abcd', wanted: 'acd', expect: 'adc' },
  { name: 'the last one goes', before: 'cab', wanted: 'ac', expect: 'ca' },
  { name: 'one is replaced by another', before: 'cab', wanted: 'bcd', expect: 'cdb' },
  { name: 'a hole is filled', before: 'a.c', wanted: 'abc', expect: 'abc' },
  { name: 'all are others', before: 'abc', wanted: 'de', expect: 'de' },
];

for (const { name, before, wanted, expect } of cases)
  test(`numbers of endpoints: ${name}`, () => assert.equal(placed(before, wanted), expect));

test('a list that is in place is the same list: no second copy is kept', () => {
  const wanted = list('abc');
  assert.equal(place(list('abc'), wanted), wanted);
  assert.equal(place([], wanted), wanted);
});
