import assert from 'node:assert/strict';
import { test } from 'node:test';
import { targetOf } from '../../kernel/iptables.ts';
import { seeded } from '../testing/many-services.ts';
import { RadixTree, type TreeShape } from '../../kernel/radix-tree.ts';

/** Values of 16 bits; a jump says `-d BASE/LENGTH`. */
const shape: TreeShape = {
  ...{ bits: 16, minLength: 1, leafRules: 8, top: 'TOP', before: ['first'], after: ['last'], about: 'values' },
  rangeText: ({ base, length }) => `${base}/${length}`,
  chainOf: ({ base, length }) => `AT-${base}/${length}`,
  jumpTo: ({ base, length }, chain) => `-d ${base}/${length} -j ${chain}`,
};

type Chains = Map<string, readonly string[]>;

function apply(tree: RadixTree, into: Chains): number {
  const changed = tree.flush();
  for (const [name, chain] of changed) {
    if (chain === undefined) assert.ok(into.delete(name), `${name} was never there`);
    else into.set(name, chain.rules);
  }
  return changed.size;
}

/** The rules that a value comes to, by the jumps whose range it lies in. */
function rulesFor(chains: Chains, value: number, name = 'TOP'): string[] {
  return (chains.get(name) ?? assert.fail(`no chain ${name}`)).flatMap((rule) => {
    const target = targetOf(rule);
    if (target === undefined) return rule.startsWith(`${value} `) ? [rule] : [];
    const [base = 0, length = 0] = target.slice(3).split('/').map(Number);
    return value >> (16 - length) === base >> (16 - length) ? rulesFor(chains, value, target) : [];
  });
}

const sorted = (chains: Chains): [string, readonly string[]][] => [...chains].sort(([a], [b]) => (a < b ? -1 : 1));

test('whatever came and went: each value is found, and the chains are those of a tree that is made at once', () => {
  const random = seeded(7);
  const tree = new RadixTree(shape);
  const chains: Chains = new Map();
  const model = new Map<number, string[]>();
  for (let round = 0; round < 300; round += 1) {
    for (let edit = 0; edit <= random(6); edit += 1) {
      // Near each other and far away, so that ranges come and go.
      const value = random(3) === 0 ? random(65_536) : 4096 + random(300);
      const rules =
        round < 200 && random(5) > 1 ? Array.from({ length: 1 + random(4) }, (_, n) => `${value} ${n}`) : [];
      tree.set(BigInt(value), 'owner', rules);
      if (rules.length > 0) model.set(value, rules);
      else model.delete(value);
    }
    apply(tree, chains);
    if (round % 10 !== 0) continue;
    const atOnce = new RadixTree(shape);
    for (const [value, rules] of model) atOnce.set(BigInt(value), 'owner', rules);
    const fresh: Chains = new Map();
    apply(atOnce, fresh);
    assert.deepEqual(sorted(chains), sorted(fresh), `round ${round}`);
    for (const [value, rules] of model) assert.deepEqual(rulesFor(chains, value), rules);
  }
  const all = [...chains.values()].flat().filter((rule) => /^\d/.test(rule));
  assert.equal(all.length, [...model.values()].flat().length, 'every rule once');
});

test('one value more changes one chain, and now and then what a range is split into', () => {
  const random = seeded(3);
  const tree = new RadixTree(shape);
  const chains: Chains = new Map();
  const counts: number[] = [];
  for (let value = 0; value < 4000; value += 1) {
    tree.set(BigInt(random(65_536)), 'owner', ['rule']);
    counts.push(apply(tree, chains));
  }
  counts.sort((a, b) => a - b);
  assert.equal(counts[counts.length / 2], 1, 'median');
  assert.ok((counts.at(-1) ?? 0) <= 40, `at most ${counts.at(-1)}`);
});

test('nothing set, nothing changed; the same rules again change nothing', () => {
  const tree = new RadixTree(shape);
  assert.deepEqual([...tree.flush()], [['TOP', { about: 'values', rules: ['first', 'last'] }]]);
  tree.set(5n, 'a', ['5 x']);
  assert.deepEqual([...tree.flush().keys()], ['TOP']);
  tree.set(5n, 'a', ['5 x']);
  assert.equal(tree.flush().size, 0);
});

test('owners of one value stand in the order of their names, whatever came first', () => {
  const tree = new RadixTree(shape);
  tree.set(5n, 'b', ['5 b']);
  tree.set(5n, 'a', ['5 a']);
  assert.deepEqual(tree.flush().get('TOP')?.rules, ['first', '5 a', '5 b', 'last']);
  tree.set(5n, 'a', []);
  assert.deepEqual(tree.flush().get('TOP')?.rules, ['first', '5 b', 'last']);
});
