/** Ginkgo's JSON report, as far as it is looked at: https://onsi.github.io/ginkgo/#generating-machine-readable-reports */
import type { Outcome, Verdict } from './ledger.ts';

interface SpecReport {
  readonly LeafNodeType: string;
  readonly ContainerHierarchyTexts: readonly string[] | null;
  readonly LeafNodeText: string;
  readonly State: string;
  /** Nanoseconds. */
  readonly RunTime: number;
  readonly Failure?: { readonly Message?: string };
  readonly LeafNodeLabels?: readonly string[] | null;
}

interface SuiteReport {
  readonly SpecReports: readonly SpecReport[] | null;
}

const verdicts: Readonly<Record<string, Verdict>> = { passed: 'pass', skipped: 'skip', pending: 'skip' };

/** Longest reason that a table shows. */
const reasonLength = 240;

/** A spec that was not selected counts as skipped too, without a word; one that skipped itself says why. */
function isNotSelected({ State, Failure }: SpecReport): boolean {
  return State === 'skipped' && (Failure?.Message ?? '') === '';
}

/** The tests that ran or skipped themselves, by name. Throws SyntaxError for what is no report. */
export function outcomesOf(json: string): readonly Outcome[] {
  const suites = JSON.parse(json) as readonly SuiteReport[];
  const specs = suites
    .flatMap(({ SpecReports }) => SpecReports ?? [])
    .filter(({ LeafNodeType }) => LeafNodeType === 'It');
  const outcomes = specs
    .filter((spec) => !isNotSelected(spec))
    .map((spec) => ({
      name: [...(spec.ContainerHierarchyTexts ?? []), spec.LeafNodeText].join(' '),
      verdict: verdicts[spec.State] ?? ('fail' as const),
      seconds: spec.RunTime / 1e9,
      why: (spec.Failure?.Message ?? '').trim().replaceAll(/\s+/g, ' ').slice(0, reasonLength),
    }));
  return outcomes.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Ginkgo's regular expression for exactly these tests. */
export function focusOn(names: readonly string[]): string {
  const escaped = names.map((name) => name.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&'));
  return `(^| )(${escaped.join('|')})$`;
}
