/** Taints that follow from a node's conditions, and what pods tolerate. Pure. */
import { findCondition } from '../../api/conditions.ts';
import { formatTime } from '../../api/time.ts';
import { tolerates } from '../../api/tolerations.ts';
import type { Node, Taint, Toleration } from '../../api/types.gen.ts';

export const notReadyTaint = 'node.kubernetes.io/not-ready';
export const unreachableTaint = 'node.kubernetes.io/unreachable';

/** Condition, the status that is bad, and the taint it means. */
const conditionTaints: readonly (readonly [string, string, string])[] = [
  ['Ready', 'False', notReadyTaint],
  ['Ready', 'Unknown', unreachableTaint],
  ['MemoryPressure', 'True', 'node.kubernetes.io/memory-pressure'],
  ['DiskPressure', 'True', 'node.kubernetes.io/disk-pressure'],
  ['PIDPressure', 'True', 'node.kubernetes.io/pid-pressure'],
  ['NetworkUnavailable', 'True', 'node.kubernetes.io/network-unavailable'],
];
const unschedulableTaint = 'node.kubernetes.io/unschedulable';

const noScheduleKeys: ReadonlySet<string> = new Set([...conditionTaints.map(([, , key]) => key), unschedulableTaint]);
const noExecuteKeys: ReadonlySet<string> = new Set([notReadyTaint, unreachableTaint]);

function isOurs({ key, effect }: Taint): boolean {
  return (effect === 'NoSchedule' && noScheduleKeys.has(key)) || (effect === 'NoExecute' && noExecuteKeys.has(key));
}

/** The taints the node should have: those of others as they are, ours as the conditions say. Undefined when it has them already. */
export function changedTaints(node: Node, now: Date): Taint[] | undefined {
  const current = node.spec?.taints ?? [];
  const keys = conditionTaints
    .filter(([type, bad]) => findCondition(node.status?.conditions, type)?.status === bad)
    .map(([, , key]) => key);
  const wanted: Taint[] = keys.map((key) => ({ key, effect: 'NoSchedule' }));
  if (node.spec?.unschedulable === true) wanted.push({ key: unschedulableTaint, effect: 'NoSchedule' });
  for (const key of keys.filter((each) => noExecuteKeys.has(each))) wanted.push({ key, effect: 'NoExecute' });
  const ours = current.filter(isOurs);
  const same = (a: Taint, b: Taint): boolean => a.key === b.key && a.effect === b.effect;
  const missing = wanted.filter((taint) => !ours.some((each) => same(each, taint)));
  const surplus = ours.filter((taint) => !wanted.some((each) => same(each, taint)));
  if (missing.length === 0 && surplus.length === 0) return undefined;
  const timeAdded = formatTime(now);
  return [...current.filter((taint) => !surplus.includes(taint)), ...missing.map((taint) => ({ ...taint, timeAdded }))];
}

/**
 * When a pod must leave a node with these taints, in ms since 1970: undefined for never, the past for at once. A
 * toleration's seconds count from when the taint came, or the pod, whichever is later.
 */
export function evictionTime(
  taints: readonly Taint[],
  tolerations: readonly Toleration[],
  podSinceMs: number,
): number | undefined {
  let earliest: number | undefined;
  for (const taint of taints.filter(({ effect }) => effect === 'NoExecute')) {
    const matching = tolerations.filter((toleration) => tolerates(toleration, taint));
    if (matching.length === 0) return 0;
    const limits = matching.flatMap(({ tolerationSeconds }) => tolerationSeconds ?? []);
    if (limits.length === 0) continue;
    const since = Math.max(podSinceMs, taint.timeAdded === undefined ? 0 : Date.parse(taint.timeAdded));
    const time = since + Math.max(0, Math.min(...limits)) * 1000;
    earliest = Math.min(earliest ?? time, time);
  }
  return earliest;
}
