/**
 * What is known of each test, and what a run says against it. Whatever differs is told, a pass too: then the ledger is
 * what must be brought up to date.
 */

export type Verdict = 'pass' | 'fail' | 'skip';

/** A verdict that is not `pass` says why. */
export interface Known {
  readonly verdict: Verdict;
  readonly reason?: string;
  /** Proxy modes in which it is another. */
  readonly in?: Readonly<Record<string, { readonly verdict: Verdict; readonly reason: string }>>;
}

export interface Ledger {
  readonly kubernetes: string;
  /** The dozen of a quick run. */
  readonly quick: readonly string[];
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

/** What is wrong with the ledger itself: a failure without a reason, a quick test that it does not know. */
export function ledgerFaults({ tests, quick }: Ledger): readonly string[] {
  const silent = Object.entries(tests).filter(([, { verdict, reason = '' }]) => verdict !== 'pass' && reason === '');
  return [
    ...silent.map(([name]) => `${name}: not a pass, and no reason given`),
    ...quick.filter((name) => tests[name]?.verdict !== 'pass').map((name) => `${name}: quick, but not known to pass`),
  ];
}

/** The tests that are run when nobody asks for certain ones. */
export function testsToRun({ tests, quick }: Ledger, onlyQuick: boolean): readonly string[] {
  return onlyQuick ? quick : Object.keys(tests);
}

function difference({ tests }: Ledger, mode: string, { name, verdict, why }: Outcome): string | undefined {
  const known = tests[name];
  if (known === undefined) return `${name}: ${verdict}, and not in the ledger`;
  const expected = known.in?.[mode]?.verdict ?? known.verdict;
  if (verdict === expected) return undefined;
  return `${name}: ${verdict}, known as ${expected}${why === '' ? '' : `: ${why}`}`;
}

/** A line for each test whose verdict is another than is known, or that was `wanted` and is not among the outcomes. */
export function differences(
  ledger: Ledger,
  mode: string,
  outcomes: readonly Outcome[],
  wanted: readonly string[],
): readonly string[] {
  const ran = new Set(outcomes.map(({ name }) => name));
  return [
    ...outcomes.flatMap((outcome) => difference(ledger, mode, outcome) ?? []),
    ...wanted.filter((name) => !ran.has(name)).map((name) => `${name}: did not run`),
  ];
}
