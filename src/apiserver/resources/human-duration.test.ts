import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { humanDuration, since } from './human-duration.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

describe('ages are printed as kubectl users know them', () => {
  const cases: readonly [milliseconds: number, text: string][] = [
    [-5 * SECOND, '<invalid>'],
    [-1500, '0s'],
    [0, '0s'],
    [999, '0s'],
    [SECOND, '1s'],
    [119 * SECOND, '119s'],
    [2 * MINUTE, '2m'],
    [2 * MINUTE + 5 * SECOND, '2m5s'],
    [9 * MINUTE + 59 * SECOND, '9m59s'],
    [10 * MINUTE + 30 * SECOND, '10m'],
    [179 * MINUTE, '179m'],
    [3 * HOUR, '3h'],
    [3 * HOUR + 12 * MINUTE, '3h12m'],
    [7 * HOUR + 59 * MINUTE, '7h59m'],
    [8 * HOUR + 59 * MINUTE, '8h'],
    [47 * HOUR, '47h'],
    [2 * DAY, '2d'],
    [2 * DAY + 4 * HOUR, '2d4h'],
    [7 * DAY + 23 * HOUR, '7d23h'],
    [8 * DAY + 5 * HOUR, '8d'],
    [729 * DAY, '729d'],
    [730 * DAY, '2y'],
    [740 * DAY, '2y10d'],
    [8 * 365 * DAY + 30 * DAY, '8y'],
  ];
  for (const [milliseconds, text] of cases) {
    it(`${milliseconds} ms reads ${text}`, () => {
      assert.equal(humanDuration(milliseconds), text);
    });
  }

  it('a timestamp that is missing or no time reads <unknown>', () => {
    assert.equal(since(undefined, new Date()), '<unknown>');
    assert.equal(since('yesterday', new Date()), '<unknown>');
  });

  it('a timestamp is measured against the given now', () => {
    assert.equal(since('2026-03-01T11:55:00Z', new Date('2026-03-01T12:00:30Z')), '5m30s');
  });
});
