import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { same } from './same.ts';

const cases: readonly { what: string; a: unknown; b: unknown; equal: boolean }[] = [
  { what: 'the order of keys does not matter', a: { x: 1, y: 2 }, b: { y: 2, x: 1 }, equal: true },
  { what: 'the order of a list does', a: [1, 2], b: [2, 1], equal: false },
  { what: 'missing is null', a: undefined, b: null, equal: true },
  { what: 'missing is an empty list', a: {}, b: { list: [] }, equal: true },
  { what: 'missing is an empty map', a: { map: {} }, b: {}, equal: true },
  { what: 'missing is not false', a: {}, b: { flag: false }, equal: false },
  { what: 'missing is not 0', a: {}, b: { count: 0 }, equal: false },
  { what: 'a key more', a: { x: 1 }, b: { x: 1, y: 2 }, equal: false },
  { what: 'a key less', a: { x: 1, y: 2 }, b: { x: 1 }, equal: false },
  { what: 'deep down', a: { x: [{ y: { z: 1 } }] }, b: { x: [{ y: { z: 2 } }] }, equal: false },
  { what: 'a list is no map', a: [1], b: { 0: 1 }, equal: false },
  { what: 'a number is no text', a: 1, b: '1', equal: false },
  { what: 'an inherited name is no value', a: { toString: 1 }, b: {}, equal: false },
];

describe('two values of the API are the same', () => {
  for (const { what, a, b, equal } of cases) {
    it(`${what}: ${equal ? 'yes' : 'no'}`, () => {
      assert.equal(same(a, b), equal);
      assert.equal(same(b, a), equal);
    });
  }
});
