import assert from 'node:assert/strict';
import { test } from 'node:test';
import { choosesNode, matchesTerm } from './node-selector.ts';
import type { NodeSelectorTerm, PodSpec } from './types.gen.ts';

const node = { name: 'node1', labels: { zone: 'a', cores: '8' } };

const terms: [string, NodeSelectorTerm, boolean][] = [
  ['the name of the node', { matchFields: [{ key: 'metadata.name', operator: 'In', values: ['node1'] }] }, true],
  ['another name', { matchFields: [{ key: 'metadata.name', operator: 'In', values: ['node2'] }] }, false],
  ['not that name', { matchFields: [{ key: 'metadata.name', operator: 'NotIn', values: ['node1'] }] }, false],
  ['a field that nobody knows', { matchFields: [{ key: 'spec.x', operator: 'In', values: ['node1'] }] }, false],
  ['a label', { matchExpressions: [{ key: 'zone', operator: 'In', values: ['a', 'b'] }] }, true],
  ['a number', { matchExpressions: [{ key: 'cores', operator: 'Gt', values: ['7'] }] }, true],
  [
    'the name and a label that does not fit',
    {
      matchFields: [{ key: 'metadata.name', operator: 'In', values: ['node1'] }],
      matchExpressions: [{ key: 'zone', operator: 'DoesNotExist' }],
    },
    false,
  ],
  ['nothing', {}, false],
];

for (const [what, term, expected] of terms) {
  test(`a term with ${what}`, () => assert.equal(matchesTerm(term, node), expected));
}

test('a nodeSelector and an affinity must both hold', () => {
  const nodeAffinity = {
    requiredDuringSchedulingIgnoredDuringExecution: {
      nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['node1'] }] }],
    },
  };
  const spec = (zone: string): PodSpec => ({ containers: [], nodeSelector: { zone }, affinity: { nodeAffinity } });
  assert.equal(choosesNode(spec('a'), node), true);
  assert.equal(choosesNode(spec('b'), node), false);
  assert.equal(choosesNode({ containers: [] }, node), true);
});
