/** What a scheduling plugin is: a filter, a score, or both. Plugins are pure. */
import type { Pod, Service } from '../api/types.gen.ts';
import type { NodeState } from './node-state.ts';
import type { Requests } from './requests.ts';

/** The pod to place, with what plugins ask of it again and again. */
export interface Candidate {
  readonly pod: Pod;
  readonly requests: Requests;
  /** Services that select the pod. */
  readonly services: readonly Service[];
}

/** Says why a pod cannot run on a node, in upstream's words; several reasons are possible. An empty list: it can. */
export interface Filter {
  readonly name: string;
  readonly reasons: (candidate: Candidate, node: NodeState) => readonly string[];
}

/** Rates the nodes that passed all filters, 0 to 100 each; higher is better. */
export interface Score {
  readonly name: string;
  /** By how much it counts against the other scores. */
  readonly weight: number;
  readonly scores: (candidate: Candidate, nodes: readonly NodeState[]) => readonly number[];
}

export const maxScore = 100;

/** Maps raw numbers onto 0 to 100: the largest gets 100, or with `reverse` the smallest. All equal: all 100. */
export function normalized(raw: readonly number[], options: { readonly reverse?: boolean } = {}): number[] {
  const [low, high] = [Math.min(...raw), Math.max(...raw)];
  if (low === high) return raw.map(() => maxScore);
  return raw.map((value) => {
    const part = (value - low) / (high - low);
    return maxScore * (options.reverse === true ? 1 - part : part);
  });
}
