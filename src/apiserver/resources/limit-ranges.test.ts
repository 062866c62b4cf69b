import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LimitRange, LimitRangeItem } from '../../api/types.gen.ts';
import { limitRangeRow as row } from './limit-ranges.ts';
import { create } from './testing.ts';

const range = (...limits: readonly LimitRangeItem[]): LimitRange => ({
  metadata: { name: 'small', namespace: 'shop' },
  spec: { limits: [...limits] },
});

describe('a LimitRange', () => {
  it('of containers: the largest limit is the default one, and requests follow limits, or else the least', () => {
    const item = { type: 'Container', max: { cpu: '1', memory: '1Gi' }, min: { cpu: '0.05', 'example.com/x': '1' } };
    const { object, errors } = create(row, range({ ...item, default: { cpu: '500m' } }));
    assert.deepEqual(errors, []);
    assert.deepEqual(object.spec?.limits[0], {
      type: 'Container',
      max: { cpu: '1', memory: '1Gi' },
      min: { cpu: '50m', 'example.com/x': '1' },
      default: { cpu: '500m', memory: '1Gi' },
      defaultRequest: { cpu: '500m', memory: '1Gi', 'example.com/x': '1' },
    });
  });

  it('of pods has no defaults', () => {
    const { object } = create(row, range({ type: 'Pod', max: { cpu: '1' } }));
    assert.deepEqual(object.spec?.limits, [{ type: 'Pod', max: { cpu: '1' } }]);
  });

  const at = 'spec.limits[0]';
  const cases: readonly { what: string; items: readonly LimitRangeItem[]; says: readonly string[] }[] = [
    {
      what: 'an unknown type',
      items: [{ type: 'Node' }],
      says: [`${at}.type: Invalid value: "Node": must be a standard limit type or fully qualified`],
    },
    {
      what: 'a type twice',
      items: [{ type: 'Pod' }, { type: 'Pod' }],
      says: ['spec.limits[1].type: Duplicate value: "Pod"'],
    },
    {
      what: 'defaults of pods',
      items: [{ type: 'Pod', default: { cpu: '1' } }],
      says: [`${at}.default: Forbidden: may not be specified when \`type\` is 'Pod'`],
    },
    {
      what: 'more at least than at most',
      items: [{ type: 'Pod', min: { cpu: '2' }, max: { cpu: '1' } }],
      says: [`${at}.min[cpu]: Invalid value: "2": min value 2 is greater than max value 1`],
    },
    {
      what: 'a default request beyond the default limit',
      items: [{ type: 'Container', default: { cpu: '1' }, defaultRequest: { cpu: '2' } }],
      says: [
        `${at}.defaultRequest[cpu]: Invalid value: "2": default request value 2 is greater than default limit value 1`,
      ],
    },
    {
      what: 'a ratio that no pair of bounds can have',
      items: [{ type: 'Pod', min: { cpu: '1' }, max: { cpu: '2' }, maxLimitRequestRatio: { cpu: '3' } }],
      says: [`${at}.maxLimitRequestRatio[cpu]: Invalid value: "3": ratio 3 is greater than max/min = 2.000000`],
    },
    {
      what: 'a ratio below one',
      items: [{ type: 'Pod', maxLimitRequestRatio: { cpu: '500m' } }],
      says: [`${at}.maxLimitRequestRatio[cpu]: Invalid value: "500m": ratio 500m is less than 1`],
    },
    {
      what: 'claims without storage',
      items: [{ type: 'PersistentVolumeClaim' }],
      says: [
        `${at}.limits: Required value: either minimum or maximum storage value is required, but neither was provided`,
      ],
    },
    {
      what: 'a quantity that is none',
      items: [{ type: 'Pod', max: { cpu: 'much' } }],
      says: [
        `${at}.max[cpu]: Invalid value: "much": quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'`,
      ],
    },
  ];
  for (const { what, items, says } of cases) {
    it(`is refused with ${what}`, () => assert.deepEqual(create(row, range(...items)).errors, says));
  }

  it('of claims speaks of storage', () => {
    assert.deepEqual(create(row, range({ type: 'PersistentVolumeClaim', max: { storage: '1Gi' } })).errors, []);
  });
});
