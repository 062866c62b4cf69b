/**
 * What is known of each test, and what a run says against it. Whatever differs is told, a pass too: then the ledger is
 * what must be brought up to date.
 */

import { defaultProfile, profiles } from './profiles.ts';

export type Verdict = 'pass' | 'fail' | 'skip';

/** A verdict that is not `pass` says why. */
export interface Known {
  /** `cannot`: no machine like this can run it, so nothing is expected of it but that it does not pass, and it is not run unasked. */
  readonly verdict: Verdict | 'cannot';
  readonly reason?: string;
  /** The lab that it needs, where that is not the default one. */
  readonly profile?: string;
  /** Proxy modes, or profiles, in which it is another. */
  readonly in?: Readonly<Record<string, { readonly verdict: Verdict; readonly reason: string }>>;
}

/** A group of tests that is not run unasked: its conformance tests that need no quiet cluster (`[Serial]`). */
export interface Group {
  readonly tests: number;
  /** How many pass on a stock cluster on such a machine. */
  readonly stock: number;
  /** Those that fail, by what is missing; all others pass. */
  readonly missing: Readonly<Record<string, readonly string[]>>;
}

export interface Ledger {
  readonly kubernetes: string;
  /** The dozen of a quick run. */
  readonly quick: readonly string[];
  /** By name, without its brackets. */
  readonly groups?: Readonly<Record<string, Group>>;
  /** By full name. */
  readonly tests: Readonly<Record<string, Known>>;
}

/** What a run said of one test. */
export interface Outcome {
  readonly name: string;
  readonly verdict: Verdict;
  readonly seconds: number;
  /** Why it failed or was skipped, in one line. */
  readonly why: string;
}

/** What is wrong with the ledger itself: a failure without a reason, a quick test that it does not know, a profile that there is not. */
export function ledgerFaults({ tests, quick }: Ledger): readonly string[] {
  const silent = Object.entries(tests).filter(([, { verdict, reason = '' }]) => verdict !== 'pass' && reason === '');
  const astray = Object.entries(tests).filter(([, { profile = defaultProfile }]) => profiles[profile] === undefined);
  return [
    ...silent.map(([name]) => `${name}: not a pass, and no reason given`),
    ...quick.filter((name) => tests[name]?.verdict !== 'pass').map((name) => `${name}: quick, but not known to pass`),
    ...astray.map(([name]) => `${name}: there is no such profile`),
  ];
}

/** The tests that are run on a lab of this profile when nobody asks for certain ones. */
export function testsToRun({ tests, quick }: Ledger, profile: string, onlyQuick: boolean): readonly string[] {
  if (onlyQuick) return quick;
  const repeats = profiles[profile]?.repeats;
  const isRun = ([name, known]: [string, Known]): boolean => {
    const own = known.profile ?? defaultProfile;
    return known.verdict !== 'cannot' && (own === profile || (own === defaultProfile && repeats?.test(name) === true));
  };
  return Object.entries(tests)
    .filter(isRun)
    .map(([name]) => name);
}

/** What a run was made on. */
export interface Setting {
  readonly mode: string;
  readonly profile: string;
}

/** What is known of a test that stands for itself, or in a group. */
function knownOf({ tests, groups = {} }: Ledger, name: string): Known | undefined {
  const [, group = ''] = /^\[([\w-]+)\]/.exec(name) ?? [];
  const missing = groups[group]?.missing;
  if (tests[name] !== undefined || missing === undefined || !name.includes('[Conformance]')) return tests[name];
  return { verdict: Object.values(missing).some((names) => names.includes(name)) ? 'fail' : 'pass' };
}

function difference(ledger: Ledger, { mode, profile }: Setting, outcome: Outcome): string | undefined {
  const { name, verdict, why } = outcome;
  const known = knownOf(ledger, name);
  if (known === undefined) return `${name}: ${verdict}, and not in the ledger`;
  const expected = (known.in?.[profile] ?? known.in?.[mode] ?? known).verdict;
  if (verdict === expected || (expected === 'cannot' && verdict !== 'pass')) return undefined;
  return `${name}: ${verdict}, known as ${expected}${why === '' ? '' : `: ${why}`}`;
}

/** A line for each test whose verdict is another than is known, or that was `wanted` and is not among the outcomes. */
export function differences(
  ledger: Ledger,
  setting: Setting,
  outcomes: readonly Outcome[],
  wanted: readonly string[],
): readonly string[] {
  const ran = new Set(outcomes.map(({ name }) => name));
  return [
    ...outcomes.flatMap((outcome) => difference(ledger, setting, outcome) ?? []),
    ...wanted.filter((name) => !ran.has(name)).map((name) => `${name}: did not run`),
  ];
}
