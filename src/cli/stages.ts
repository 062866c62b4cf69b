/** Stages of a long command, each with its time: `  0.31 s  nodes Ready`. The same with and without a terminal. */

export interface Stages {
  /** Prints a stage that took `durationMs`. */
  done(stage: string, durationMs: number): void;
  /** Prints a stage that ends now and began when the one before ended. */
  mark(stage: string): void;
  /** Prints what is to be known and took no time. */
  note(text: string): void;
  readonly totalMs: number;
}

export function createStages(print: (line: string) => void): Stages {
  const start = performance.now();
  let last = start;
  const done = (stage: string, durationMs: number): void => {
    last = performance.now();
    print(`${seconds(durationMs).padStart(9)}  ${stage}`);
  };
  return {
    done,
    mark: (stage) => done(stage, performance.now() - last),
    note: (text) => print(`${''.padStart(9)}  ${text}`),
    get totalMs() {
      return performance.now() - start;
    },
  };
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}
