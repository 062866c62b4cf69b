/** Counts what became of the cases of one run, and holds the list of pending ones to the truth. */
import assert from 'node:assert/strict';

export interface Tally {
  /** Throws as the check does. */
  passes(check: () => void): void;
  /** Throws when the check does not. */
  pending(name: string, why: string, check: () => void): void;
  skip(name: string, why: string): void;
  /** One line, and one for each reason not to run or to fail. */
  print(): void;
}

export function createTally(title: string): Tally {
  const counts = { passed: 0, failed: 0 };
  const reasons = new Map<string, string[]>();
  const count = (why: string, name: string): void => {
    reasons.set(why, [...(reasons.get(why) ?? []), name]);
  };
  return {
    passes: (check) => {
      counts.failed += 1;
      check();
      counts.failed -= 1;
      counts.passed += 1;
    },
    pending: (name, why, check) => {
      count(`pending: ${why}`, name);
      try {
        check();
      } catch {
        return;
      }
      assert.fail(`unexpected pass: take "${name}" out of test/cases/pending.ts`);
    },
    skip: (name, why) => count(`skipped: ${why}`, name),
    print: () => {
      const lines = [...reasons].map(([why, names]) => `  ${names.length} ${why}: ${names.join('; ')}`);
      process.stdout.write([`${title}: ${counts.passed} passed, ${counts.failed} failed`, ...lines, ''].join('\n'));
    },
  };
}
