/** The annotations in which a Deployment's history lives: on the Deployment and on its ReplicaSets. */
import type { Deployment, ReplicaSet } from '../../api/types.gen.ts';

export const revisionAnnotation = 'deployment.kubernetes.io/revision';
export const revisionHistoryAnnotation = 'deployment.kubernetes.io/revision-history';
export const desiredReplicasAnnotation = 'deployment.kubernetes.io/desired-replicas';
export const maxReplicasAnnotation = 'deployment.kubernetes.io/max-replicas';

/** Not handed down from the Deployment to its ReplicaSet. */
const ownAnnotations: ReadonlySet<string> = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  'deprecated.deployment.rollback.to',
  revisionAnnotation,
  revisionHistoryAnnotation,
  desiredReplicasAnnotation,
  maxReplicasAnnotation,
]);

/** Characters of the revision history kept; the oldest go first. */
const maxHistory = 2000;

/** The revision an object carries; 0 when it has none that is a number of 64 bits, which others may have written. */
export function revisionOf(object: { metadata: { annotations?: Record<string, string> } }): bigint {
  const text = object.metadata.annotations?.[revisionAnnotation] ?? '';
  return /^\d{1,19}$/.test(text) && BigInt(text) < 2n ** 63n ? BigInt(text) : 0n;
}

/** A count that an annotation of this name carries. */
export function countOf(replicaSet: ReplicaSet, annotation: string): number | undefined {
  const text = replicaSet.metadata.annotations?.[annotation];
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}

/** What a ReplicaSet keeps about the size of the whole Deployment. */
export function sizeAnnotations(wished: number, maxSurge: number): Record<string, string> {
  return { [desiredReplicasAnnotation]: String(wished), [maxReplicasAnnotation]: String(wished + maxSurge) };
}

/** The annotations the newest ReplicaSet should have: the Deployment's own handed down, its revision, its history. */
export function newestAnnotations(
  deployment: Deployment,
  current: Record<string, string> | undefined,
  revision: bigint,
): Record<string, string> {
  const result = { ...current };
  for (const [key, value] of Object.entries(deployment.metadata.annotations ?? {})) {
    if (!ownAnnotations.has(key)) result[key] = value;
  }
  const before = result[revisionAnnotation];
  if (revisionOf({ metadata: { annotations: result } }) >= revision) return result;
  result[revisionAnnotation] = String(revision);
  if (before !== undefined)
    result[revisionHistoryAnnotation] = appendHistory(result[revisionHistoryAnnotation], before);
  return result;
}

function appendHistory(history: string | undefined, revision: string): string {
  const revisions = history === undefined || history === '' ? [] : history.split(',');
  revisions.push(revision);
  while (revisions.join(',').length > maxHistory) revisions.shift();
  return revisions.join(',');
}
