/** A node must have room: for one more pod, and for what this one asks for. */
import { normalized, type Filter, type Score } from '../framework.ts';

/** Pods on a node when it does not say how many it takes; the kubelet's default. */
const defaultMaxPods = 110;

export const nodeResources: Filter = {
  name: 'NodeResourcesFit',
  reasons: ({ requests }, node) => {
    const reasons: string[] = [];
    if (node.podCount + 1 > (node.allocatable.get('pods') ?? defaultMaxPods)) reasons.push('Too many pods');
    for (const [name, amount] of requests.resources) {
      if (amount > 0 && node.used(name) + amount > (node.allocatable.get(name) ?? 0))
        reasons.push(`Insufficient ${name}`);
    }
    return reasons;
  },
};

/** Decides between nodes that are otherwise as good as each other: the one with fewer pods. */
export const fewestPods: Score = {
  name: 'FewestPods',
  weight: 0.01,
  scores: (_candidate, nodes) =>
    normalized(
      nodes.map((node) => node.podCount),
      { reverse: true },
    ),
};
