import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findCondition, isConditionTrue, setCondition } from './conditions.ts';
import { LineSplitter } from './lines.ts';
import { cloneJson, jsonEqual } from './json-value.ts';
import { controllerOf, isControlledBy, ownerReference } from './owner.ts';
import { formatMicroTime, formatTime } from './time.ts';

const replicaSet = { apiVersion: 'apps/v1', kind: 'ReplicaSet', metadata: { name: 'web', uid: 'u1' } };

test('owner references', () => {
  const reference = ownerReference(replicaSet, { controller: true });
  assert.deepEqual(reference, {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    name: 'web',
    uid: 'u1',
    controller: true,
    blockOwnerDeletion: true,
  });
  const plain = ownerReference(replicaSet);
  assert.deepEqual(plain, { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web', uid: 'u1' });
  assert.equal(controllerOf({ metadata: { ownerReferences: [plain, { ...reference, uid: 'u2' }] } })?.uid, 'u2');
  assert.equal(controllerOf({ metadata: { ownerReferences: [plain] } }), undefined);
  assert.equal(isControlledBy({ metadata: { ownerReferences: [reference] } }, replicaSet), true);
  assert.equal(isControlledBy({ metadata: {} }, { metadata: {} }), false, 'no UID is nobody');
  assert.throws(() => ownerReference({ ...replicaSet, metadata: { name: 'web' } }), /needs a name and a UID/);
});

test('a condition keeps its transition time while its status stays', () => {
  const first = setCondition(
    undefined,
    { type: 'Ready', status: 'False', reason: 'a' },
    new Date('2026-01-01T00:00:00.5Z'),
  );
  assert.deepEqual<unknown>(first, [
    { type: 'Ready', status: 'False', reason: 'a', lastTransitionTime: '2026-01-01T00:00:00Z' },
  ]);
  const same = setCondition(first, { type: 'Ready', status: 'False', reason: 'b' }, new Date('2026-01-02T00:00:00Z'));
  assert.deepEqual<unknown>(same, [
    { type: 'Ready', status: 'False', reason: 'b', lastTransitionTime: '2026-01-01T00:00:00Z' },
  ]);
  const changed = setCondition(
    [{ type: 'A', status: 'True', reason: '' }, ...same],
    { type: 'Ready', status: 'True', reason: 'c' },
    new Date('2026-01-03T00:00:00Z'),
  );
  assert.deepEqual(changed[1], {
    type: 'Ready',
    status: 'True',
    reason: 'c',
    lastTransitionTime: '2026-01-03T00:00:00Z',
  });
  assert.equal(changed.length, 2);
  assert.equal(findCondition(changed, 'A')?.status, 'True');
  assert.equal(isConditionTrue(changed, 'Ready'), true);
  assert.equal(isConditionTrue(undefined, 'Ready'), false);
  assert.equal(same[0]?.reason, 'b', 'the argument stays');
});

test('times', () => {
  assert.equal(formatTime(new Date('2026-01-01T00:00:00.999Z')), '2026-01-01T00:00:00Z');
  assert.equal(formatMicroTime(new Date('2026-01-01T00:00:00.999Z')), '2026-01-01T00:00:00.999000Z');
});

test('lines of a stream, with a limit on what is unfinished', () => {
  const splitter = new LineSplitter(5);
  assert.deepEqual(splitter.push(Buffer.from('ab')), []);
  assert.deepEqual(splitter.push(Buffer.from('c\n\nde\nf')), ['abc', '', 'de']);
  assert.equal(splitter.rest, 'f');
  assert.throws(() => splitter.push(Buffer.from('ghijk')), RangeError);
});

test('copies share nothing, and equality does not look at the order of keys', () => {
  const value = JSON.parse('{"a":[{"b":null}],"__proto__":{"x":1}}') as { a: object[] };
  const copy = cloneJson(value);
  assert.equal(JSON.stringify(copy), JSON.stringify(value));
  assert.notEqual(copy.a[0], value.a[0]);
  assert.equal(jsonEqual({ a: 1, b: [1, { c: null }] }, { b: [1, { c: null }], a: 1 }), true);
  assert.equal(jsonEqual({ a: 1 }, { a: 1, b: undefined }), false);
  assert.equal(jsonEqual([1, 2], [2, 1]), false);
  assert.equal(jsonEqual({}, []), false);
  assert.equal(jsonEqual({ toString: 1 }, { x: 1 }), false);
});
