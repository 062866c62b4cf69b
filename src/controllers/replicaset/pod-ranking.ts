/** Which pods go first when there are too many. Pure. */
import { controllerOf } from '../../api/owner.ts';
import type { Pod } from '../../api/types.gen.ts';
import { isActive, isReady, readySince } from '../pod-state.ts';

const deletionCostAnnotation = 'controller.kubernetes.io/pod-deletion-cost';

const phaseOrder: Readonly<Record<string, number>> = { Pending: 0, Unknown: 1, Running: 2 };

/** One rule: negative when `a` goes before `b`, 0 when it does not decide. */
type Rule = (a: Ranked, b: Ranked) => number;

interface Ranked {
  readonly pod: Pod;
  /** Ready pods of the same Deployment on its node. */
  readonly neighbours: number;
  readonly nowMs: number;
}

function deletionCost(pod: Pod): number {
  const cost = Number(pod.metadata.annotations?.[deletionCostAnnotation] ?? 0);
  return Number.isInteger(cost) ? cost : 0;
}

/** Ages in powers of two: pods of about the same age are taken at random, so that not always the newest node suffers. */
function ageRank(sinceMs: number, nowMs: number): number {
  const nanoseconds = (nowMs - sinceMs) * 1e6;
  return nanoseconds > 0 ? Math.floor(Math.log2(nanoseconds)) : -1;
}

/** The younger goes first; an unknown time counts as now; the same rank is decided by UID, which is random. */
function younger(a: Ranked, b: Ranked, since: (pod: Pod) => number | undefined): number {
  const [left, right] = [since(a.pod), since(b.pod)];
  if (left === right) return 0;
  if (left === undefined) return -1;
  if (right === undefined) return 1;
  const difference = ageRank(left, a.nowMs) - ageRank(right, b.nowMs);
  if (difference !== 0) return difference;
  return (a.pod.metadata.uid ?? '') < (b.pod.metadata.uid ?? '') ? -1 : 1;
}

function mostRestarts(pod: Pod): number {
  return Math.max(0, ...(pod.status?.containerStatuses ?? []).map((each) => each.restartCount));
}

function createdAt(pod: Pod): number | undefined {
  return pod.metadata.creationTimestamp === undefined ? undefined : Date.parse(pod.metadata.creationTimestamp);
}

/** Upstream's order: the first rule that tells two pods apart decides. */
const rules: readonly Rule[] = [
  (a, b) => Number(isAssigned(a.pod)) - Number(isAssigned(b.pod)),
  (a, b) => (phaseOrder[a.pod.status?.phase ?? ''] ?? 0) - (phaseOrder[b.pod.status?.phase ?? ''] ?? 0),
  (a, b) => Number(isReady(a.pod)) - Number(isReady(b.pod)),
  (a, b) => deletionCost(a.pod) - deletionCost(b.pod),
  (a, b) => b.neighbours - a.neighbours,
  (a, b) => (isReady(a.pod) ? younger(a, b, readySince) : 0),
  (a, b) => mostRestarts(b.pod) - mostRestarts(a.pod),
  (a, b) => younger(a, b, createdAt),
];

function isAssigned(pod: Pod): boolean {
  return (pod.spec?.nodeName ?? '') !== '';
}

/**
 * The `count` pods of `pods` to delete. `related` are the active pods of the same Deployment (these and those of its other
 * ReplicaSets): a node with many of them gives first.
 */
export function podsToDelete(pods: readonly Pod[], related: readonly Pod[], count: number, now: Date): Pod[] {
  if (count >= pods.length) return [...pods];
  const perNode = new Map<string, number>();
  for (const pod of related) {
    if (!isActive(pod)) continue;
    const node = pod.spec?.nodeName ?? '';
    perNode.set(node, (perNode.get(node) ?? 0) + 1);
  }
  const ranked: Ranked[] = pods.map((pod) => ({
    pod,
    neighbours: perNode.get(pod.spec?.nodeName ?? '') ?? 0,
    nowMs: now.getTime(),
  }));
  ranked.sort((a, b) => {
    for (const rule of rules) {
      const order = rule(a, b);
      if (order !== 0) return order;
    }
    return 0;
  });
  return ranked.slice(0, count).map(({ pod }) => pod);
}

/** The UID of the Deployment (or of the ReplicaSet itself, when it stands alone). */
export function familyOf(replicaSet: Pick<Pod, 'metadata'>): string {
  return controllerOf(replicaSet)?.uid ?? replicaSet.metadata.uid ?? '';
}
