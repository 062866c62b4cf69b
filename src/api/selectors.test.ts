import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from './errors.ts';
import {
  matchesFields,
  parseFieldSelector,
  parseLabelSelector,
  selectorFromLabelSelector,
  selectorFromMap,
} from './selectors.ts';

const web = { app: 'web', tier: 'front', 'example.com/size': '3' };

test('label selectors of a query', () => {
  const cases: Readonly<Record<string, boolean>> = {
    '': true,
    'app=web': true,
    'app==web': true,
    'app = web': true,
    'app=db': false,
    'app!=db': true,
    'app!=web': false,
    'missing!=x': true,
    app: true,
    missing: false,
    '!app': false,
    '! missing': true,
    'app in (web, db)': true,
    'app in(db)': false,
    'app notin (db)': true,
    'app notin (web)': false,
    'missing notin (x)': true,
    'missing in (x)': false,
    'app=web,tier in (front,back),!missing': true,
    'app=web,tier=back': false,
    'example.com/size>2': true,
    'example.com/size<3': false,
    'app>2': false,
    'missing=': false,
  };
  for (const [text, expected] of Object.entries(cases)) assert.equal(parseLabelSelector(text)(web), expected, text);
});

test('an empty value matches an empty label only', () => {
  assert.equal(parseLabelSelector('a=')({ a: '' }), true);
  assert.equal(parseLabelSelector('a=')({ a: 'x' }), false);
});

test('bad label selectors are a 400', () => {
  for (const text of [
    'a in b',
    'a in (b',
    '=b',
    'a=b=c',
    ',',
    'a b',
    'a>x',
    'A/B/c',
    '-a',
    `a=${'x'.repeat(64)}`,
    'a=b c',
  ]) {
    assert.throws(
      () => parseLabelSelector(text),
      (error: unknown) => error instanceof ApiError && error.code === 400,
      text,
    );
  }
});

test('names of Object.prototype are not labels', () => {
  assert.equal(parseLabelSelector('constructor')({}), false);
  assert.equal(parseLabelSelector('!toString')(undefined), true);
  assert.equal(selectorFromMap(JSON.parse('{"__proto__":"x"}') as Record<string, string>)({}), false);
});

test('LabelSelector: none matches nothing, empty matches all, parts are joined by and', () => {
  assert.equal(selectorFromLabelSelector(undefined)(web), false);
  assert.equal(selectorFromLabelSelector({})(undefined), true);
  const matches = selectorFromLabelSelector({
    matchLabels: { app: 'web' },
    matchExpressions: [
      { key: 'tier', operator: 'In', values: ['front'] },
      { key: 'tier', operator: 'NotIn', values: ['back'] },
      { key: 'app', operator: 'Exists' },
      { key: 'missing', operator: 'DoesNotExist' },
    ],
  });
  assert.equal(matches(web), true);
  assert.equal(matches({ ...web, tier: 'back' }), false);
  assert.equal(matches({ ...web, missing: '' }), false);
  assert.throws(() => selectorFromLabelSelector({ matchExpressions: [{ key: 'a', operator: 'Like' }] }), ApiError);
});

test('a Service without selector selects nothing', () => {
  assert.equal(selectorFromMap(undefined)(web), false);
  assert.equal(selectorFromMap({})(web), false);
  assert.equal(selectorFromMap({ app: 'web' })(web), true);
  assert.equal(selectorFromMap({ app: 'web', tier: 'back' })(web), false);
});

test('field selectors of a query', () => {
  assert.deepEqual(parseFieldSelector(''), []);
  assert.deepEqual(parseFieldSelector('metadata.name=a,status.phase!=Running,x==1,spec.nodeName='), [
    { field: 'metadata.name', value: 'a', equal: true },
    { field: 'status.phase', value: 'Running', equal: false },
    { field: 'x', value: '1', equal: true },
    { field: 'spec.nodeName', value: '', equal: true },
  ]);
  assert.deepEqual(parseFieldSelector(String.raw`a=b\,c\=d\\e`), [
    { field: 'a', value: String.raw`b,c=d\e`, equal: true },
  ]);
  for (const text of ['a', '=b', 'a=b=c', 'a>1']) assert.throws(() => parseFieldSelector(text), ApiError, text);
});

test('field terms hold together', () => {
  const fields: Readonly<Record<string, string>> = { 'metadata.name': 'a', 'status.phase': 'Running' };
  const value = (field: string): string => fields[field] ?? '';
  assert.equal(matchesFields(parseFieldSelector('metadata.name=a,status.phase!=Failed'), value), true);
  assert.equal(matchesFields(parseFieldSelector('metadata.name=a,status.phase=Failed'), value), false);
  assert.equal(matchesFields(parseFieldSelector('spec.nodeName='), value), true);
});
