import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import {
  differences,
  ledgerFaults,
  testsToRun,
  type Ledger,
  type Outcome,
  type Setting,
  type Verdict,
} from './ledger.ts';
import { focusOn, outcomesOf } from './report.ts';
import { kubernetesVersion } from './settings.ts';

const ledger: Ledger = {
  kubernetes: '1.0.0',
  quick: ['good'],
  groups: { 'sig-a': { tests: 2, stock: 2, missing: { Jobs: ['[sig-a] Job [Conformance]'] } } },
  tests: {
    good: { verdict: 'pass' },
    bad: { verdict: 'fail', reason: 'not built yet' },
    cloud: { verdict: 'skip', reason: 'needs a cloud' },
    two: { verdict: 'pass', profile: 'dual' },
    '[sig-network] core [Conformance]': { verdict: 'pass', in: { vxlan: { verdict: 'fail', reason: 'too long' } } },
    other: { verdict: 'cannot', reason: 'this kernel has none' },
    odd: { verdict: 'pass', in: { userspace: { verdict: 'fail', reason: 'the node is seen' } } },
  },
};

const ran = (name: string, verdict: Verdict, why = ''): Outcome => ({ name, verdict, why, seconds: 1 });

const core = '[sig-network] core [Conformance]';
const all = [...['good', 'bad', 'cloud'], core, 'odd'];

const cases: readonly [what: string, where: string, outcomes: readonly Outcome[], said: readonly string[]][] = [
  ['all as known', 'iptables', [ran('good', 'pass'), ran('bad', 'fail'), ran('cloud', 'skip'), ran('odd', 'pass')], []],
  ['a failure', 'iptables', [ran('good', 'fail', 'no answer')], ['good: fail, known as pass: no answer']],
  ['an unexpected pass', 'iptables', [ran('bad', 'pass')], ['bad: pass, known as fail']],
  [
    'as known of its group',
    'iptables',
    [ran('[sig-a] Pod [Conformance]', 'pass'), ran('[sig-a] Job [Conformance]', 'fail')],
    [],
  ],
  [
    'not as known of its group',
    'iptables',
    [ran('[sig-a] Job [Conformance]', 'pass')],
    ['[sig-a] Job [Conformance]: pass, known as fail'],
  ],
  [
    'of a group, and no conformance test',
    'iptables',
    [ran('[sig-a] Pod', 'pass')],
    ['[sig-a] Pod: pass, and not in the ledger'],
  ],
  ['a test nobody knows', 'iptables', [ran('new', 'pass')], ['new: pass, and not in the ledger']],
  ['as known of this mode', 'userspace', [ran('odd', 'fail')], []],
  ['as known of this profile', 'vxlan', [ran(core, 'fail')], []],
  ['not as known of this profile', 'vxlan', [ran(core, 'pass')], [`${core}: pass, known as fail`]],
  ['what cannot be run here, and was', 'iptables', [ran('other', 'fail')], []],
  ['what cannot be run here, and passes', 'iptables', [ran('other', 'pass')], ['other: pass, known as cannot']],
  ['not as known of this mode', 'userspace', [ran('odd', 'pass')], ['odd: pass, known as fail']],
];

/** A proxy mode, or a profile in the default mode. */
const settingOf = (where: string): Setting =>
  where === 'vxlan' ? { mode: 'iptables', profile: where } : { mode: where, profile: 'ipv4' };

for (const [what, where, outcomes, said] of cases) {
  test(`a run beside the ledger: ${what}`, () =>
    assert.deepEqual(differences(ledger, settingOf(where), outcomes, []), said));
}

test('a test that was to run and did not is a difference', () => {
  assert.deepEqual(differences(ledger, settingOf('iptables'), [ran('good', 'pass')], ['good', 'odd']), [
    'odd: did not run',
  ]);
});

const runs: readonly [profile: string, onlyQuick: boolean, names: readonly string[]][] = [
  ['ipv4', true, ['good']],
  ['ipv4', false, all],
  ['vxlan', false, [core]],
  ['dual', false, ['two']],
];

for (const [profile, onlyQuick, names] of runs) {
  test(`unasked, ${onlyQuick ? 'quick, ' : ''}on the lab ${profile} are run: ${names.join(', ')}`, () =>
    assert.deepEqual(testsToRun(ledger, profile, onlyQuick), names));
}

test('a ledger gives its reasons, and its quick tests pass', () => {
  assert.deepEqual(ledgerFaults(ledger), []);
  const faulty = { ...ledger, quick: ['bad'], tests: { bad: { verdict: 'fail', profile: 'lost' } } } as const;
  assert.equal(ledgerFaults(faulty).length, 3);
});

test('the ledger that is kept is sound, and of the version that is tested with', () => {
  const kept = JSON.parse(readFileSync(join(import.meta.dirname, 'ledger.json'), 'utf8')) as Ledger;
  assert.deepEqual(ledgerFaults(kept), []);
  assert.equal(kept.kubernetes, kubernetesVersion);
  assert.equal(kept.quick.length, 12);
});

test('a report tells what ran and what skipped itself, not what was left out', () => {
  const spec = (State: string, LeafNodeText: string, Message?: string, LeafNodeType = 'It'): object => ({
    ...{ LeafNodeType, ContainerHierarchyTexts: ['[sig] A', 'b'], LeafNodeText, State, RunTime: 1.5e9 },
    ...(Message !== undefined && { Failure: { Message } }),
  });
  const specs = [
    spec('passed', 'works'),
    spec('failed', 'breaks', 'line one\n  line two'),
    spec('timedout', 'hangs', 'too late'),
    spec('skipped', 'asks for a cloud', 'needs a cloud'),
    spec('skipped', 'was not selected'),
    spec('passed', 'is no test', undefined, 'BeforeSuite'),
  ];
  assert.deepEqual(outcomesOf(JSON.stringify([{ SpecReports: specs }, { SpecReports: null }])), [
    { name: '[sig] A b asks for a cloud', verdict: 'skip', seconds: 1.5, why: 'needs a cloud' },
    { name: '[sig] A b breaks', verdict: 'fail', seconds: 1.5, why: 'line one line two' },
    { name: '[sig] A b hangs', verdict: 'fail', seconds: 1.5, why: 'too late' },
    { name: '[sig] A b works', verdict: 'pass', seconds: 1.5, why: '' },
  ]);
});

test('a focus is exact', () => {
  const names = ['[sig] A (b) works', 'C: d|e?'];
  const focus = new RegExp(focusOn(names));
  for (const name of names) assert.match(`suite ${name}`, focus);
  for (const name of ['[sig] A (b) works too', 'C: d', 'sig A b works']) assert.doesNotMatch(`suite ${name}`, focus);
});
