import assert from 'node:assert/strict';
import { test } from 'node:test';
import { applyMergePatch } from './merge.ts';

test('the examples of RFC 7386, appendix A', () => {
  const cases: readonly (readonly [unknown, unknown, unknown])[] = [
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [
      ['a', 'b'],
      ['c', 'd'],
      ['c', 'd'],
    ],
    [{ a: 'b' }, ['c'], ['c']],
    [{ a: 'foo' }, null, null],
    [{ a: 'foo' }, 'bar', 'bar'],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: 'b', c: null }, { a: 'b' }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ];
  for (const [object, patch, expected] of cases) {
    assert.deepEqual(applyMergePatch(object, patch), expected, JSON.stringify([object, patch]));
  }
});

test('the arguments stay as they are, and the result shares nothing with them', () => {
  const object = { kept: { a: 1 }, changed: { a: 1 } };
  const patch = { changed: { b: { c: 1 } } };
  const result = applyMergePatch<Record<string, Record<string, unknown>>>(object, patch);
  assert.deepEqual(result, { kept: { a: 1 }, changed: { a: 1, b: { c: 1 } } });
  assert.deepEqual(object, { kept: { a: 1 }, changed: { a: 1 } });
  assert.notEqual(result['kept'], object.kept);
  assert.notEqual(result['changed']?.['b'], patch.changed.b);
});

test('__proto__ in a patch is a key and changes no prototype', () => {
  const patch: unknown = JSON.parse('{"__proto__":{"admin":true},"data":{"__proto__":{"admin":true}}}');
  const result = applyMergePatch<{ data: Record<string, unknown>; admin?: boolean }>({ data: {} }, patch);
  assert.equal(({} as Record<string, unknown>)['admin'], undefined);
  assert.equal(result.admin, undefined);
  assert.equal(result.data['admin'], undefined);
  assert.equal(Object.getPrototypeOf(result), Object.prototype);
  assert.equal(JSON.stringify(result), '{"data":{"__proto__":{"admin":true}},"__proto__":{"admin":true}}');
});
