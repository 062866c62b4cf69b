/** Conditions in a status: pods, nodes, Deployments and the rest share their shape. */
import { formatTime } from './time.ts';

interface AnyCondition {
  type: string;
  status: string;
  lastTransitionTime?: string;
}

/** The condition of this type, if it is there. */
export function findCondition<T extends AnyCondition>(
  conditions: readonly T[] | undefined,
  type: string,
): T | undefined {
  return conditions?.find((condition) => condition.type === type);
}

/** Whether the condition of this type is there and `True`. */
export function isConditionTrue(conditions: readonly AnyCondition[] | undefined, type: string): boolean {
  return findCondition(conditions, type)?.status === 'True';
}

/**
 * The list with `condition` in place of the one of its type, or at the end. `lastTransitionTime` is kept while the status
 * stays, and is `now` otherwise. The argument is not changed.
 */
export function setCondition<T extends AnyCondition>(
  conditions: readonly T[] | undefined,
  condition: T,
  now: Date = new Date(),
): T[] {
  const old = findCondition(conditions, condition.type);
  const kept = old?.status === condition.status ? old.lastTransitionTime : condition.lastTransitionTime;
  const next: T = { ...condition, lastTransitionTime: kept ?? formatTime(now) };
  if (old === undefined) return [...(conditions ?? []), next];
  return (conditions ?? []).map((each) => (each === old ? next : each));
}
