/** The cases themselves are tested: whichever rule is missing or wrong, at least one case notices. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { doors } from '../../test/cases/service-packets/doors.ts';
import type { NodeName } from '../../test/cases/world.ts';
import type { RuleSet } from '../kernel/iptables.ts';
import { PaperCluster } from './testing/paper-cluster.ts';
import { iptablesRules, nodeWithRules } from './testing/paper-iptables.ts';
import type { PaperMode } from './testing/paper-mode.ts';
import { runOnPaper } from './testing/run-on-paper.ts';

/** Its Services have few rules, so that each can be put wrong. */
const { services, slices } = doors;
const cases = doors.cases.filter(({ family }) => family === 'ipv4');

/** A rule of one node put differently; `rule` undefined takes it out. */
interface Mutation {
  readonly node: NodeName;
  readonly table: string;
  readonly chain: string;
  readonly index: number;
  readonly rule: string | undefined;
}

function mutated(rules: RuleSet, { table, chain, index, rule }: Mutation): RuleSet {
  const chains = new Map(rules.get(table));
  const own = [...(chains.get(chain) ?? [])];
  own.splice(index, 1, ...(rule === undefined ? [] : [rule]));
  return new Map([...rules, [table, chains.set(chain, own)]]);
}

/** The rules of each node as they are; made once. */
const rulesOf = new Map<string, RuleSet>();

const modeWith =
  (mutation: Mutation | undefined): PaperMode =>
  (options) => {
    const { nodeName } = options.settings;
    const rules = rulesOf.get(nodeName) ?? iptablesRules(options, options.table);
    rulesOf.set(nodeName, rules);
    return nodeWithRules(options, mutation?.node === nodeName ? mutated(rules, mutation) : rules);
  };

const clusterWith = (mutation: Mutation | undefined): PaperCluster =>
  PaperCluster.make(modeWith(mutation), 'ipv4', { services, slices }, 'default');

/** The same rule wrong in a way of its own; none for what cannot be wrong in that way. */
const wrongs: Readonly<Record<string, (rule: string) => string | undefined>> = {
  'is missing': () => undefined,
  'goes to another endpoint': (rule) => rule.replace(/--to-destination \S+/, '--to-destination 10.77.9.9:8080'),
  'takes another share': (rule) => rule.replace(/--probability \S+/, '--probability 0.1'),
  'drops what it should refuse': (rule) => rule.replace(/-j REJECT .*/, '-j DROP'),
  'refuses what it should drop': (rule) => rule.replace('-j DROP', '-j REJECT --reject-with tcp-reset'),
  'is for another port': (rule) => rule.replace(/--dport \d+/, '--dport 7'),
  'is for another address': (rule) => rule.replace(/-d \S+\/32/, '-d 192.0.2.7/32'),
  'is for everybody': (rule) => rule.replace(/^(! )?-s \S+ /, ''),
  'is for the others': (rule) => (rule.startsWith('! -s') ? rule.slice(2) : rule.replace(/^-s /, '! -s ')),
  'remembers nobody': (rule) => rule.replace(/-m recent --set --name \S+/, '-m recent --set --name NOBODY'),
  'never forgets': (rule) => rule.replace(/--seconds \d+/, '--seconds 100000'),
  'forgets at once': (rule) => rule.replace(/--seconds \d+/, '--seconds 0'),
};

/** Rules that no case can notice, and why. */
const unnoticed: readonly (readonly [pattern: RegExp, why: string])[] = [
  [/^filter (FORWARD .*PW-FORWARD|PW-FORWARD)/, 'counts only on hosts whose own rules forward nothing'],
  [/^nat PW-POSTROUTING .*the mark has done its work.* is missing/, 'nobody asks for the mark after POSTROUTING'],
  [/so may this node.* -j MARK .* is missing/, 'what a node sends has its address anyhow'],
  [/this node under the balancer_s address/, 'no node of the cases has the address of a balancer'],
];

function* mutations(node: NodeName): Generator<readonly [Mutation, string]> {
  for (const [table, chains] of rulesOf.get(node) ?? [])
    for (const [chain, list] of chains)
      for (const [index, text] of list.entries())
        for (const [how, change] of Object.entries(wrongs)) {
          const rule = change(text);
          if (rule !== text) yield [{ node, table, chain, index, rule }, `${table} ${chain} ${text} ${how}`];
        }
}

function isNoticed(mutation: Mutation): boolean {
  const cluster = clusterWith(mutation);
  return cases.some((one) => {
    try {
      runOnPaper(one, cluster, 'iptables-nft');
      return false;
    } catch {
      return true;
    }
  });
}

test('the cases hold for the rules as they are', () => {
  for (const one of cases) runOnPaper(one, clusterWith(undefined), 'iptables-nft');
});

test('each rule of node-a that is missing or wrong is noticed by a case', () => {
  const missed: string[] = [];
  let count = 0;
  for (const [mutation, text] of mutations('node-a')) {
    if (unnoticed.some(([pattern]) => pattern.test(text))) continue;
    count += 1;
    if (!isNoticed(mutation)) missed.push(text);
  }
  assert.ok(count > 150, `${count} mutations`);
  assert.deepEqual(missed, []);
});
