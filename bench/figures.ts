/** Figures of a run: what a list of milliseconds says, and a table of contenders side by side. */

/** Milliseconds unless the name says otherwise. */
export interface Summary {
  readonly n: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

/** The nearest-rank quantile, `fraction` from 0 to 1; NaN of nothing. */
export function quantile(values: readonly number[], fraction: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(fraction * sorted.length) - 1))] ?? Number.NaN;
}

const round = (value: number): number => Math.round(value * 10) / 10;

export function summarise(values: readonly number[]): Summary {
  const at = (fraction: number): number => round(quantile(values, fraction));
  return { n: values.length, p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) };
}

/** One figure of one contender in one round, e.g. `create → Ready, p50 ms`. */
export type Round = Readonly<Record<string, number>>;

/** A Markdown table: a row a figure, a column a contender (median of its rounds), and ours as a part of the peer's. */
export function table(rounds: Readonly<Record<string, readonly Round[]>>): string {
  const [ours, ...peers] = Object.keys(rounds);
  if (ours === undefined) return '';
  const median = (name: string, figure: string): number =>
    round(
      quantile(
        (rounds[name] ?? []).map((each) => each[figure] ?? Number.NaN),
        0.5,
      ),
    );
  const head = ['figure (median of rounds)', ours, ...peers.flatMap((peer) => [peer, `${ours} ÷ ${peer}`])];
  const figures = Object.keys(rounds[ours]?.[0] ?? {});
  const body = figures.map((figure) => {
    const mine = median(ours, figure);
    const theirs = peers.flatMap((peer) => [
      median(peer, figure),
      Math.round((mine / median(peer, figure)) * 1000) / 1000,
    ]);
    return [figure, mine, ...theirs];
  });
  return [head, head.map(() => '---'), ...body].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
