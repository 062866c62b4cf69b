import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  addQuantities,
  canonicalQuantity,
  ceilDivide,
  compareQuantities,
  parseQuantity,
  quantityMilliValue,
  quantityValue,
  sameQuantity,
  subtractQuantities,
  tryParseQuantity,
} from './quantity.ts';

test('the canonical text is what upstream answers with', () => {
  const cases: readonly (readonly [string | number, string])[] = [
    ['0', '0'],
    ['0Mi', '0'],
    ['1', '1'],
    [1, '1'],
    [0.5, '500m'],
    ['0.5', '500m'],
    ['100m', '100m'],
    ['1000m', '1'],
    ['1500m', '1500m'],
    ['.5', '500m'],
    ['5.', '5.'],
    ['-0.25', '-250m'],
    ['1000', '1k'],
    ['12000k', '12M'],
    ['1024', '1024'],
    ['1024Ki', '1Mi'],
    ['2048Mi', '2Gi'],
    ['1.5Gi', '1536Mi'],
    ['0.5Mi', '512Ki'],
    ['0.5Ki', '512'],
    ['0.25', '250m'],
    ['1e3', '1e3'],
    ['1E6', '1E6'],
    ['1000e3', '1e6'],
    ['1E', '1E'],
    ['1Ei', '1Ei'],
    ['100n', '100n'],
    ['0.1n', '1n'],
    ['0.0000000011', '2n'],
    ['9Ei', '9223372036854775807'],
    ['1.500', '1.500'],
  ];
  for (const [value, expected] of cases) assert.equal(canonicalQuantity(value), expected, String(value));
});

test('what is no quantity is refused, also what would only cost time', () => {
  for (const value of [
    '',
    ' ',
    '.',
    '1 Gi',
    '1ki',
    '1gi',
    '1KiB',
    'Gi',
    '1e',
    '1.2.3',
    '--1',
    '0x10',
    'NaN',
    '1e999999999',
  ]) {
    assert.equal(tryParseQuantity(value), undefined, JSON.stringify(value));
  }
  assert.equal(tryParseQuantity('9'.repeat(1000)), undefined);
  assert.throws(() => parseQuantity('nonsense'), /not a quantity/);
  assert.throws(() => canonicalQuantity('nonsense'), /not a quantity/);
});

test('comparison is exact across formats', () => {
  assert.equal(compareQuantities('1Gi', '1073741824'), 0);
  assert.equal(compareQuantities('1Gi', '1G'), 1);
  assert.equal(compareQuantities('999m', '1'), -1);
  assert.equal(compareQuantities('9007199254740993', '9007199254740992'), 1);
  assert.equal(sameQuantity('0.1', '100m'), true);
  assert.equal(sameQuantity('1', '1m'), false);
});

test('sums keep the format of their first', () => {
  assert.equal(addQuantities('100m', '0.9'), '1');
  assert.equal(addQuantities('1Gi', '1Gi'), '2Gi');
  assert.equal(addQuantities('0', '64Mi', '64Mi'), '128Mi');
  assert.equal(addQuantities(), '0');
  assert.equal(subtractQuantities('1', '250m'), '750m');
  assert.equal(subtractQuantities('1Gi', '512Mi'), '512Mi');
});

test('values round up, as a request for too little gets a little', () => {
  assert.equal(quantityValue('128Mi'), 134_217_728);
  assert.equal(quantityValue('1m'), 1);
  assert.equal(quantityMilliValue('0.1'), 100);
  assert.equal(quantityMilliValue('2'), 2000);
  assert.equal(quantityMilliValue('1u'), 1);
  assert.equal(ceilDivide('1500m', '1'), 2n);
  assert.equal(ceilDivide('64Mi', '1Ki'), 65_536n);
  assert.throws(() => ceilDivide('1', '0'));
});
