/** The status of a ReplicaSet, from its pods. Pure. */
import { findCondition } from '../../api/conditions.ts';
import { formatTime } from '../../api/time.ts';
import type { Pod, ReplicaSet, ReplicaSetCondition, ReplicaSetStatus } from '../../api/types.gen.ts';
import { isReady, untilAvailableMs } from '../pod-state.ts';

export interface StatusInput {
  readonly replicaSet: ReplicaSet;
  /** Not ended, not being deleted. */
  readonly active: readonly Pod[];
  /** Being deleted. */
  readonly terminating: number;
  /** Why pods could not be created or deleted just now. */
  readonly failure: Error | undefined;
  readonly now: Date;
}

export interface StatusResult {
  readonly status: ReplicaSetStatus;
  /** When the next ready pod becomes available. */
  readonly nextAvailableMs: number | undefined;
}

function isFullyLabeled(pod: Pod, replicaSet: ReplicaSet): boolean {
  const wanted = Object.entries(replicaSet.spec?.template?.metadata?.labels ?? {});
  return wanted.every(([key, value]) => pod.metadata.labels?.[key] === value);
}

function conditionsOf({ replicaSet, active, failure, now }: StatusInput): ReplicaSetCondition[] {
  const conditions = replicaSet.status?.conditions ?? [];
  const known = findCondition(conditions, 'ReplicaFailure');
  const others = conditions.filter((condition) => condition !== known);
  if (failure === undefined) return others;
  if (known !== undefined) return conditions;
  const reason = active.length < (replicaSet.spec?.replicas ?? 1) ? 'FailedCreate' : 'FailedDelete';
  return [
    ...others,
    { type: 'ReplicaFailure', status: 'True', reason, message: failure.message, lastTransitionTime: formatTime(now) },
  ];
}

/** Counts of 0 are left out as the API does, but for `replicas` and `terminatingReplicas`. */
export function replicaSetStatus(input: StatusInput): StatusResult {
  const { replicaSet, active, now } = input;
  const minReadySeconds = replicaSet.spec?.minReadySeconds ?? 0;
  const ready = active.filter(isReady);
  const waits = ready.map((pod) => untilAvailableMs(pod, minReadySeconds, now) ?? minReadySeconds * 1000);
  const waiting = waits.filter((ms) => ms > 0);
  const fullyLabeled = active.filter((pod) => isFullyLabeled(pod, replicaSet)).length;
  const available = waits.length - waiting.length;
  const conditions = conditionsOf(input);
  return {
    status: {
      replicas: active.length,
      ...(fullyLabeled === 0 ? {} : { fullyLabeledReplicas: fullyLabeled }),
      ...(ready.length === 0 ? {} : { readyReplicas: ready.length }),
      ...(available === 0 ? {} : { availableReplicas: available }),
      terminatingReplicas: input.terminating,
      observedGeneration: replicaSet.metadata.generation ?? 0,
      ...(conditions.length === 0 ? {} : { conditions }),
    },
    nextAvailableMs: waiting.length === 0 ? undefined : Math.min(...waiting),
  };
}
