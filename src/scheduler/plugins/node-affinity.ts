/** nodeSelector and node affinity: the pod chooses nodes by their labels. */
import { choosesNode, matchesTerm } from '../../api/node-selector.ts';
import { normalized, type Filter, type Score } from '../framework.ts';

export const nodeAffinity: Filter & Score = {
  name: 'NodeAffinity',
  weight: 2,
  reasons: ({ pod }, node) =>
    choosesNode(pod.spec, node) ? [] : ["node(s) didn't match Pod's node affinity/selector"],
  scores: ({ pod }, nodes) => {
    const preferred = pod.spec?.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
    const sums = nodes.map((node) =>
      preferred.reduce((sum, { preference, weight }) => sum + (matchesTerm(preference, node) ? weight : 0), 0),
    );
    return normalized(sums);
  },
};
