import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod } from '../api/types.gen.ts';
import type { Filter, Score } from './framework.ts';
import { NodeState } from './node-state.ts';
import { PendingPods } from './pending-pods.ts';
import { place } from './place.ts';
import { requestsOf } from './requests.ts';

const pod: Pod = { metadata: { name: 'p' }, spec: { containers: [] } };
const candidate = { pod, requests: requestsOf(pod), services: [] };
const nodes = ['a', 'b', 'c'].map((name) => new NodeState({ metadata: { name } }));
const refuses = (...names: string[]): Filter => ({
  name: 'Refuses',
  reasons: (_candidate, node) => (names.includes(node.name) ? ['Insufficient cpu'] : []),
});
const rates = (weight: number, ...scores: number[]): Score => ({ name: 'Rates', weight, scores: () => scores });

describe('place', () => {
  it('takes the highest sum of weighted scores', () => {
    const scores = [rates(1, 0, 100, 90), rates(2, 50, 0, 10)];
    const placement = place(candidate, nodes, { filters: [], scores }, () => 0);
    assert.equal(placement.node?.name, 'c');
  });

  it('decides between equals by chance', () => {
    const plugins = { filters: [], scores: [rates(1, 5, 1, 5)] };
    const picks = [0, 0.49, 0.5, 0.99].map((random) => place(candidate, nodes, plugins, () => random).node?.name);
    assert.deepEqual(picks, ['a', 'a', 'c', 'c']);
  });

  it('does not rate nodes that a filter refused', () => {
    const placement = place(candidate, nodes, { filters: [refuses('a', 'c')], scores: [] }, () => 0);
    assert.equal(placement.node?.name, 'b');
  });

  it('counts the reasons, the first filter of a node speaking for it', () => {
    const other: Filter = { name: 'Other', reasons: () => ['node(s) were unschedulable'] };
    const placement = place(candidate, nodes, { filters: [refuses('a', 'b'), other], scores: [] }, () => 0);
    assert.ok(placement.node === undefined);
    assert.equal(placement.message, '0/3 nodes are available: 1 node(s) were unschedulable, 2 Insufficient cpu.');
  });

  it('has words of its own for a cluster without nodes', () => {
    const placement = place(candidate, [], { filters: [], scores: [] }, () => 0);
    assert.ok(placement.node === undefined);
    assert.equal(placement.message, 'no nodes available to schedule pods');
  });
});

describe('pending pods', () => {
  const named = (name: string, priority = 0): Pod => ({ metadata: { name }, spec: { containers: [], priority } });
  const order = (pending: PendingPods): string[] => {
    const names: string[] = [];
    for (let next = pending.take(); next !== undefined; next = pending.take()) names.push(next.key);
    return names;
  };

  it('come by priority, then in the order they came', () => {
    const pending = new PendingPods();
    for (const each of [named('a'), named('b', 5), named('c'), named('d', 5)])
      pending.add(each.metadata.name ?? '', each);
    assert.deepEqual(order(pending), ['b', 'd', 'a', 'c']);
  });

  it('wait, once refused, until something changes or they ask for something else', () => {
    const pending = new PendingPods();
    pending.setUnschedulable('a', named('a'));
    pending.refresh('a', { ...named('a'), status: { phase: 'Pending' } });
    assert.deepEqual(order(pending), []);
    pending.refresh('a', named('a', 1));
    assert.deepEqual(order(pending), ['a']);
    pending.setUnschedulable('a', named('a'));
    assert.equal(pending.retryAll(), true);
    assert.deepEqual(order(pending), ['a']);
  });
});
