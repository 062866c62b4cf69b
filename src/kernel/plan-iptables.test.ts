import assert from 'node:assert/strict';
import { test } from 'node:test';
import { comment, oneIn, parseSave, ruleWords, sameRule, targetOf } from './iptables.ts';
import { observedAfter, planRules, type DesiredRules, type PlanRulesOptions } from './plan-iptables.ts';

const owns = (chain: string): boolean => chain.startsWith('PW-');

function desired(
  nat: Readonly<Record<string, readonly string[]>>,
  filter: Readonly<Record<string, readonly string[]>> = {},
  hooks: DesiredRules['hooks'] = [],
): DesiredRules {
  const chains = (of: typeof nat) =>
    new Map(Object.entries(of).map(([name, rules]) => [name, { rules, about: `for ${name}` }]));
  return {
    chains: new Map([
      ['nat', chains(nat)],
      ['filter', chains(filter)],
    ]),
    hooks,
  };
}

const plan = (options: Omit<PlanRulesOptions, 'owns'>) => planRules({ ...options, owns });

test('a saved table is read by chain, quoted comments included', () => {
  const rules = parseSave(
    '# x\n*nat\n:PREROUTING ACCEPT [1:2]\n:PW-A - [0:0]\n-A PREROUTING -m comment --comment "a -j b" -j PW-A\n-A PW-A -j RETURN\nCOMMIT\n',
  );
  assert.deepEqual(rules.get('nat')?.get('PW-A'), ['-j RETURN']);
  const [hook = ''] = rules.get('nat')?.get('PREROUTING') ?? [];
  assert.deepEqual(ruleWords(hook), ['-m', 'comment', '--comment', 'a -j b', '-j', 'PW-A']);
  assert.equal(targetOf(hook), 'PW-A');
});

test('two spellings of one rule are the same, two rules are not', () => {
  assert.ok(sameRule('-m comment --comment "abc" -j X', '-m comment --comment abc -j X'));
  assert.ok(!sameRule('-m comment --comment abc -j X', '-m comment --comment abd -j X'));
});

test('the target of a rule is told from words of its comments', () => {
  const targets = {
    '-j X': 'X',
    '-p tcp -j DNAT --to-destination 1.2.3.4:5': 'DNAT',
    '-m comment --comment "a -j b" -j X': 'X',
    '-m comment --comment "a -j b"': undefined,
    '-j X -m comment --comment "a -j b"': 'X',
    '-j LOG --log-prefix "say -j now "': 'LOG',
    '-m comment --comment -j -m mark --mark 1': undefined,
    '-g X': 'X',
    '-m mark --mark 1': undefined,
  };
  for (const [rule, target] of Object.entries(targets)) assert.equal(targetOf(rule), target, rule);
});

test('a comment cannot break out of its quotes or its line', () => {
  assert.equal(comment('a"\n-j DROP'), '-m comment --comment "a__-j DROP"');
  assert.equal(comment('x'.repeat(400)).length, '-m comment --comment ""'.length + 255);
});

test('a probability is written as the kernel keeps it', () => {
  assert.equal(oneIn(3), '-m statistic --mode random --probability 0.33333333349');
  assert.equal(oneIn(2), '-m statistic --mode random --probability 0.50000000000');
});

test('nothing differs: nothing is sent', () => {
  const observed = parseSave('*nat\n:PW-A - [0:0]\n-A PW-A -j RETURN\nCOMMIT\n');
  assert.deepEqual(plan({ desired: desired({ 'PW-A': ['-j RETURN'] }), observed }), { changes: [], input: '' });
});

test('only the chain that differs is sent, with a reason', () => {
  const observed = parseSave('*nat\n:PW-A - [0:0]\n:PW-B - [0:0]\n-A PW-A -j RETURN\n-A PW-B -j RETURN\nCOMMIT\n');
  const { input, changes } = plan({ desired: desired({ 'PW-A': ['-j RETURN'], 'PW-B': ['-j ACCEPT'] }), observed });
  assert.equal(input, '*nat\n:PW-B - [0:0]\n-A PW-B -j ACCEPT\nCOMMIT\n');
  assert.deepEqual(changes, [{ action: 'rewrite', object: 'nat PW-B', reason: 'for PW-B (1 → 1 rules)' }]);
});

test('foreign chains and rules are never named', () => {
  const observed = parseSave(
    '*nat\n:OUTPUT - [0:0]\n:DOCKER - [0:0]\n-A OUTPUT -j DOCKER\n-A DOCKER -j RETURN\nCOMMIT\n',
  );
  const { input } = plan({ desired: desired({ 'PW-A': ['-j RETURN'] }), observed });
  assert.doesNotMatch(input, /DOCKER/);
});

test('chains that nobody needs go, with the jumps to them, and a chain is made before it is jumped to', () => {
  const observed = parseSave('*nat\n:OUTPUT - [0:0]\n:PW-OLD - [0:0]\n-A OUTPUT -j PW-OLD\nCOMMIT\n');
  const rule = '-j PW-TOP';
  const hooks = [{ table: 'nat', chain: 'OUTPUT', rule }] as const;
  const { input } = plan({ desired: desired({ 'PW-TOP': ['-j PW-LEAF'], 'PW-LEAF': [] }, {}, hooks), observed });
  assert.equal(
    input,
    '*nat\n:PW-LEAF - [0:0]\n:PW-TOP - [0:0]\n:PW-OLD - [0:0]\n-A PW-TOP -j PW-LEAF\n' +
      '-D OUTPUT -j PW-OLD\n-I OUTPUT 1 -j PW-TOP\n-X PW-OLD\nCOMMIT\n',
  );
});

test('a big load is cut into blocks, what leads to the chains comes last', () => {
  const chains = Object.fromEntries(Array.from({ length: 5 }, (_, index) => [`PW-${index}`, ['-j RETURN']]));
  const top = { 'PW-TOP': Object.keys(chains).map((name) => `-j ${name}`), ...chains };
  const { input } = plan({ desired: desired(top), observed: new Map(), blockSize: 2 });
  const blocks = input.split('COMMIT\n').filter(Boolean);
  assert.deepEqual(
    blocks.map((block) => [...block.matchAll(/^:(\S+)/gm)].map(([, name]) => name)),
    [
      ['PW-0', 'PW-1'],
      ['PW-2', 'PW-3'],
      ['PW-4', 'PW-TOP'],
    ],
  );
});

test('refusals come before translations go, and go after translations come', () => {
  const observed = parseSave(
    '*filter\n:PW-NO - [0:0]\n-A PW-NO -d 1.1.1.1/32 -j REJECT\nCOMMIT\n*nat\n:PW-S - [0:0]\nCOMMIT\n',
  );
  const wanted = desired({ 'PW-S': ['-j RETURN'] }, { 'PW-NO': ['-d 2.2.2.2/32 -j REJECT'] });
  assert.equal(
    plan({ desired: wanted, observed }).input,
    '*filter\n:PW-NO - [0:0]\n-A PW-NO -d 1.1.1.1/32 -j REJECT\n-A PW-NO -d 2.2.2.2/32 -j REJECT\nCOMMIT\n' +
      '*nat\n:PW-S - [0:0]\n-A PW-S -j RETURN\nCOMMIT\n' +
      '*filter\n:PW-NO - [0:0]\n-A PW-NO -d 2.2.2.2/32 -j REJECT\nCOMMIT\n',
  );
});

test('a jump that must follow another one is put behind it, and moved there when it stands before', () => {
  const hook = { table: 'filter', chain: 'FORWARD', rule: '-j PW-NET', after: ['REFUSE'] } as const;
  const wanted = desired({}, { 'PW-NET': [] }, [hook]);
  const chains = '*filter\n:FORWARD - [0:0]\n:PW-NET - [0:0]\n';
  const right = parseSave(`${chains}-A FORWARD -j REFUSE\n-A FORWARD -j OTHER\n-A FORWARD -j PW-NET\nCOMMIT\n`);
  assert.equal(plan({ desired: wanted, observed: right }).input, '');
  const missing = parseSave(`${chains}-A FORWARD -j OTHER\n-A FORWARD -j REFUSE\nCOMMIT\n`);
  assert.match(plan({ desired: wanted, observed: missing }).input, /^-I FORWARD 3 -j PW-NET$/m);
  const wrong = parseSave(`${chains}-A FORWARD -j PW-NET\n-A FORWARD -j REFUSE\nCOMMIT\n`);
  assert.match(plan({ desired: wanted, observed: wrong }).input, /-D FORWARD -j PW-NET\n-I FORWARD 2 -j PW-NET\n/);
});

test('a verdict in a built-in chain is ours by the name that its comment begins with, and others may have to follow it', () => {
  const known = '-s 10.0.0.0/8 -m comment --comment "PW-KNOWN: of pods" -j ACCEPT';
  const hooks = [
    { table: 'filter', chain: 'FORWARD', rule: '-j PW-NET', after: ['PW-KNOWN', 'OTHER'] },
    { table: 'filter', chain: 'FORWARD', rule: known },
  ] as const;
  const wanted = desired({}, { 'PW-NET': [] }, hooks);
  const [chains, foreign] = ['*filter\n:FORWARD - [0:0]\n:PW-NET - [0:0]\n', '-s 1.1.1.1/32 -j ACCEPT'];
  const right = parseSave(`${chains}-A FORWARD ${foreign}\n-A FORWARD ${known}\n-A FORWARD -j PW-NET\nCOMMIT\n`);
  assert.equal(plan({ desired: wanted, observed: right }).input, '');
  const none = parseSave(`${chains}-A FORWARD ${foreign}\nCOMMIT\n`);
  assert.match(plan({ desired: wanted, observed: none }).input, /\n-I FORWARD 1 -j PW-NET\n-I FORWARD 1 -s 10\./);
  assert.deepEqual(observedAfter({ desired: wanted, observed: none, owns }).get('filter')?.get('FORWARD'), [
    known,
    '-j PW-NET',
    foreign,
  ]);
  const before = parseSave(`${chains}-A FORWARD -j PW-NET\n-A FORWARD ${known}\nCOMMIT\n`);
  assert.match(plan({ desired: wanted, observed: before }).input, /-D FORWARD -j PW-NET\n-I FORWARD 2 -j PW-NET\n/);
  const stale = parseSave(`${chains}-A FORWARD ${known.replace('10.', '11.')}\n-A FORWARD ${foreign}\nCOMMIT\n`);
  const gone = plan({ desired: desired({}, {}), observed: stale }).input;
  assert.match(gone, /^-D FORWARD -s 11\./m);
  assert.doesNotMatch(gone, /1\.1\.1\.1/);
});

test('after a plan is carried out the next one is empty', () => {
  const observed = parseSave(
    '*nat\n:OUTPUT - [0:0]\n:PW-OLD - [0:0]\n-A OUTPUT -j PW-OLD\n-A OUTPUT -j DOCKER\nCOMMIT\n',
  );
  const wanted = desired({ 'PW-A': ['-j RETURN'] }, { 'PW-F': [] }, [
    { table: 'nat', chain: 'OUTPUT', rule: '-j PW-A' },
  ]);
  const after = observedAfter({ desired: wanted, observed, owns });
  assert.deepEqual(after.get('nat')?.get('OUTPUT'), ['-j PW-A', '-j DOCKER']);
  assert.equal(plan({ desired: wanted, observed: after }).input, '');
});
