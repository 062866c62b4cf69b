/** Where one pod should run. Pure: nodes in, a name or the reasons why not out. */
import type { Candidate, Filter, Score } from './framework.ts';
import type { NodeState } from './node-state.ts';

export type Placement =
  | { readonly node: NodeState }
  /** `message` in upstream's words: `0/3 nodes are available: 3 Insufficient cpu.` */
  | { readonly node: undefined; readonly message: string };

export interface Plugins {
  readonly filters: readonly Filter[];
  readonly scores: readonly Score[];
}

/** `random` (0 ≤ x < 1) decides between equals. */
export function place(
  candidate: Candidate,
  nodes: readonly NodeState[],
  plugins: Plugins,
  random: () => number,
): Placement {
  const reasons = new Map<string, number>();
  const feasible = nodes.filter((node) => {
    const why = reasonsAgainst(candidate, node, plugins.filters);
    for (const reason of why) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    return why.length === 0;
  });
  const node = best(candidate, feasible, plugins.scores, random);
  return node === undefined ? { node, message: unavailable(nodes.length, reasons) } : { node };
}

function reasonsAgainst(candidate: Candidate, node: NodeState, filters: readonly Filter[]): readonly string[] {
  for (const filter of filters) {
    const why = filter.reasons(candidate, node);
    if (why.length > 0) return why;
  }
  return [];
}

/** Sums closer than this are equal: they come from divisions. */
const epsilon = 1e-9;

function best(
  candidate: Candidate,
  nodes: readonly NodeState[],
  scores: readonly Score[],
  random: () => number,
): NodeState | undefined {
  if (nodes.length <= 1) return nodes[0];
  const totals = nodes.map(() => 0);
  for (const { weight, scores: rate } of scores) {
    rate(candidate, nodes).forEach((score, index) => {
      totals[index] = (totals[index] ?? 0) + weight * score;
    });
  }
  const top = Math.max(...totals);
  const winners = nodes.filter((_, index) => (totals[index] ?? 0) >= top - epsilon);
  return winners[Math.floor(random() * winners.length)];
}

/** The message of a FailedScheduling event. */
export function unavailable(nodes: number, reasons: ReadonlyMap<string, number>): string {
  if (nodes === 0) return 'no nodes available to schedule pods';
  const parts = [...reasons].map(([reason, count]) => `${count} ${reason}`).sort();
  return `0/${nodes} nodes are available: ${parts.join(', ')}.`;
}
