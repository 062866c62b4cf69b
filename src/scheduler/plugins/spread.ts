/** Pods of the same owner or the same Service go to different nodes. */
import { controllerOf } from '../../api/owner.ts';
import type { Pod } from '../../api/types.gen.ts';
import { normalized, type Candidate, type Score } from '../framework.ts';

function isSibling(other: Pod, { pod, services }: Candidate, owner: string | undefined): boolean {
  if (other.metadata.namespace !== pod.metadata.namespace || other.metadata.deletionTimestamp !== undefined)
    return false;
  if (owner !== undefined && controllerOf(other)?.uid === owner) return true;
  return services.some(({ spec }) =>
    Object.entries(spec?.selector ?? {}).every(([key, value]) => other.metadata.labels?.[key] === value),
  );
}

export const spread: Score = {
  name: 'Spread',
  weight: 2,
  scores: (candidate, nodes) => {
    const owner = controllerOf(candidate.pod)?.uid;
    if (owner === undefined && candidate.services.length === 0) return nodes.map(() => 0);
    const counts = nodes.map((node) => {
      let count = 0;
      for (const other of node.pods) if (isSibling(other, candidate, owner)) count += 1;
      return count;
    });
    return normalized(counts, { reverse: true });
  },
};
