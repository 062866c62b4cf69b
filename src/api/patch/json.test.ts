import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '../errors.ts';
import { applyJsonPatch } from './json.ts';

const codeOf = (object: unknown, patch: unknown): number | undefined => {
  try {
    applyJsonPatch(object, patch);
  } catch (error) {
    return error instanceof ApiError ? error.code : 0;
  }
  return undefined;
};

test('the examples of RFC 6902, appendix A', () => {
  const cases: readonly (readonly [unknown, readonly object[], unknown])[] = [
    [{ foo: 'bar' }, [{ op: 'add', path: '/baz', value: 'qux' }], { baz: 'qux', foo: 'bar' }],
    [{ foo: ['bar', 'baz'] }, [{ op: 'add', path: '/foo/1', value: 'qux' }], { foo: ['bar', 'qux', 'baz'] }],
    [{ baz: 'qux', foo: 'bar' }, [{ op: 'remove', path: '/baz' }], { foo: 'bar' }],
    [{ foo: ['bar', 'qux', 'baz'] }, [{ op: 'remove', path: '/foo/1' }], { foo: ['bar', 'baz'] }],
    [{ baz: 'qux', foo: 'bar' }, [{ op: 'replace', path: '/baz', value: 'boo' }], { baz: 'boo', foo: 'bar' }],
    [
      { foo: { bar: 'baz', waldo: 'fred' }, qux: { corge: 'grault' } },
      [{ op: 'move', from: '/foo/waldo', path: '/qux/thud' }],
      { foo: { bar: 'baz' }, qux: { corge: 'grault', thud: 'fred' } },
    ],
    [
      { foo: ['all', 'grass', 'cows', 'eat'] },
      [{ op: 'move', from: '/foo/1', path: '/foo/3' }],
      { foo: ['all', 'cows', 'eat', 'grass'] },
    ],
    [
      { baz: 'qux', foo: ['a', 2, 'c'] },
      [
        { op: 'test', path: '/baz', value: 'qux' },
        { op: 'test', path: '/foo/1', value: 2 },
      ],
      { baz: 'qux', foo: ['a', 2, 'c'] },
    ],
    [
      { foo: 'bar' },
      [{ op: 'add', path: '/child', value: { grandchild: {} } }],
      { foo: 'bar', child: { grandchild: {} } },
    ],
    [{ foo: 'bar' }, [{ op: 'add', path: '/baz', value: 'qux', xyz: 123 }], { foo: 'bar', baz: 'qux' }],
    [{ '/': 9, '~1': 10 }, [{ op: 'test', path: '/~01', value: 10 }], { '/': 9, '~1': 10 }],
    [{ foo: ['bar'] }, [{ op: 'add', path: '/foo/-', value: ['abc', 'def'] }], { foo: ['bar', ['abc', 'def']] }],
  ];
  for (const [object, patch, expected] of cases) {
    assert.deepEqual(applyJsonPatch(object, patch), expected, JSON.stringify(patch));
  }
});

test('copy, escapes, and the whole document', () => {
  const labels = { metadata: { labels: { 'a/b': '1' } } };
  assert.deepEqual(
    applyJsonPatch(labels, [{ op: 'copy', from: '/metadata/labels/a~1b', path: '/metadata/labels/c~0d' }]),
    {
      metadata: { labels: { 'a/b': '1', 'c~d': '1' } },
    },
  );
  assert.deepEqual(applyJsonPatch<unknown>({ a: 1 }, [{ op: 'replace', path: '', value: { b: 2 } }]), { b: 2 });
  assert.deepEqual(applyJsonPatch<unknown>({ a: [1] }, [{ op: 'replace', path: '/a/0', value: null }]), { a: [null] });
  assert.deepEqual(applyJsonPatch({ '': 1 }, [{ op: 'test', path: '/', value: 1 }]), { '': 1 });
  assert.deepEqual(applyJsonPatch({ a: { x: 1, y: [2] } }, [{ op: 'test', path: '/a', value: { y: [2], x: 1 } }]), {
    a: { x: 1, y: [2] },
  });
});

test('what cannot be carried out is a 422 and changes nothing', () => {
  const object = { a: [1], b: { c: 1 } };
  const patches: readonly (readonly object[])[] = [
    [{ op: 'remove', path: '/missing' }],
    [{ op: 'replace', path: '/missing', value: 1 }],
    [{ op: 'add', path: '/missing/deeper', value: 1 }],
    [{ op: 'add', path: '/a/2', value: 1 }],
    [{ op: 'replace', path: '/a/1', value: 1 }],
    [{ op: 'remove', path: '/a/-' }],
    [{ op: 'add', path: '/a/01', value: 1 }],
    [{ op: 'add', path: '/a/-1', value: 1 }],
    [{ op: 'add', path: '/a/length', value: 1 }],
    [{ op: 'add', path: '/b/c/d', value: 1 }],
    [{ op: 'move', from: '/b', path: '/b/inside' }],
    [{ op: 'remove', path: '' }],
    [
      { op: 'add', path: '/new', value: 1 },
      { op: 'test', path: '/b/c', value: 2 },
    ],
  ];
  for (const patch of patches) assert.equal(codeOf(object, patch), 422, JSON.stringify(patch));
  assert.deepEqual(object, { a: [1], b: { c: 1 } });
});

test('a malformed patch is a 400', () => {
  const patches: readonly unknown[] = [
    {},
    'x',
    [1],
    [{ op: 'add', path: 'a', value: 1 }],
    [{ op: 'add', path: '/a' }],
    [{ op: 'copy', path: '/a' }],
    [{ op: 'merge', path: '/a', value: 1 }],
    [{ path: '/a', value: 1 }],
  ];
  for (const patch of patches) assert.equal(codeOf({ a: 1 }, patch), 400, JSON.stringify(patch));
});

test('patches that would only cost time or memory are refused', () => {
  const many = Array.from({ length: 10_001 }, () => ({ op: 'test', path: '/a', value: 1 }));
  assert.equal(codeOf({ a: 1 }, many), 413);
  const doubling = Array.from({ length: 64 }, () => ({ op: 'copy', from: '/a', path: '/a/-' }));
  assert.equal(codeOf({ a: ['x'.repeat(1000)] }, doubling), 422);
});

test('__proto__ and constructor are keys like any other', () => {
  const result = applyJsonPatch<Record<string, unknown>>({}, [
    { op: 'add', path: '/__proto__', value: { admin: true } },
  ]);
  assert.equal(result['admin'], undefined);
  assert.equal(JSON.stringify(result), '{"__proto__":{"admin":true}}');
  assert.equal(codeOf({}, [{ op: 'add', path: '/__proto__/admin', value: true }]), 422);
  assert.equal(codeOf({}, [{ op: 'add', path: '/constructor/prototype/admin', value: true }]), 422);
  assert.equal(({} as Record<string, unknown>)['admin'], undefined);
});

test('kubectl rollout undo: the template and the annotations are replaced', () => {
  const deployment = {
    metadata: { name: 'web', annotations: { 'deployment.kubernetes.io/revision': '2' } },
    spec: {
      replicas: 4,
      template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image: 'new' }] } },
    },
  };
  const old = { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image: 'old' }] } };
  const result = applyJsonPatch(deployment, [
    { op: 'replace', path: '/spec/template', value: old },
    { op: 'replace', path: '/metadata/annotations', value: {} },
  ]);
  assert.deepEqual(result, { metadata: { name: 'web', annotations: {} }, spec: { replicas: 4, template: old } });
});
