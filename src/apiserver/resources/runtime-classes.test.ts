import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { RuntimeClass } from '../../api/types.gen.ts';
import { runtimeClassRow as row } from './runtime-classes.ts';
import { cells, create, update } from './testing.ts';

const sandboxed = (more: Partial<RuntimeClass> = {}): RuntimeClass => ({
  ...{ metadata: { name: 'sandboxed' }, handler: 'gvisor' },
  ...more,
});

describe('a RuntimeClass', () => {
  it('names a handler, a price and nodes', () => {
    const overhead = { podFixed: { cpu: '0.01' } };
    const { object, errors } = create(row, sandboxed({ overhead, scheduling: { nodeSelector: { wall: 'strong' } } }));
    assert.deepEqual(errors, []);
    assert.deepEqual(object.overhead, { podFixed: { cpu: '10m' } });
    assert.equal(cells(row, object)['Handler'], 'gvisor');
  });

  const cases: readonly { what: string; more: Partial<RuntimeClass>; says: string }[] = [
    { what: 'without a handler', more: { handler: '' }, says: 'handler: Required value' },
    {
      what: 'with a handler that is no label',
      more: { handler: 'G Visor' },
      says: 'handler: Invalid value: "G Visor"',
    },
    {
      what: 'with a price that is none',
      more: { overhead: { podFixed: { cpu: 'much' } } },
      says: 'overhead.limits[cpu]: Invalid value: "much"',
    },
    {
      what: 'with nodes by a label that is none',
      more: { scheduling: { nodeSelector: { '-': 'x' } } },
      says: 'scheduling.nodeSelector: Invalid value: "-"',
    },
  ];
  for (const { what, more, says } of cases) {
    it(`is refused ${what}`, () => {
      const [error = 'none'] = create(row, sandboxed(more)).errors;
      assert.ok(error.startsWith(says), error);
    });
  }

  it('keeps its handler', () => {
    const { errors } = update(row, create(row, sandboxed()).object, (copy) => {
      copy.handler = 'kata';
    });
    assert.deepEqual(errors, ['handler: Invalid value: "kata": field is immutable']);
  });
});
