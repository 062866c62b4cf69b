/** Taints keep pods away that do not tolerate them: strictly, or where there is a better place. */
import type { Taint, Toleration } from '../../api/types.gen.ts';
import { normalized, type Filter, type Score } from '../framework.ts';
import { tolerates } from '../../api/tolerations.ts';

function untolerated(taints: readonly Taint[], tolerations: readonly Toleration[] | undefined): Taint[] {
  return taints.filter((taint) => !(tolerations ?? []).some((toleration) => tolerates(toleration, taint)));
}

const isStrict = ({ effect }: Taint): boolean => effect === 'NoSchedule' || effect === 'NoExecute';

export const taintToleration: Filter & Score = {
  name: 'TaintToleration',
  weight: 3,
  reasons: ({ pod }, node) => {
    const strict = node.taints.filter(isStrict);
    return untolerated(strict, pod.spec?.tolerations).length === 0 ? [] : ['node(s) had untolerated taint(s)'];
  },
  scores: ({ pod }, nodes) => {
    const preferences = nodes.map(({ taints }) => taints.filter(({ effect }) => effect === 'PreferNoSchedule'));
    const counts = preferences.map((taints) => untolerated(taints, pod.spec?.tolerations).length);
    return normalized(counts, { reverse: true });
  },
};
