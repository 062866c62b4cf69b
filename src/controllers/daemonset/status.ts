/** The status of a DaemonSet, from its pods. Pure. */
import type { DaemonSetStatus } from '../../api/types.gen.ts';
import { isReady, untilAvailableMs } from '../pod-state.ts';
import { isCurrent, type World } from './world.ts';

export interface StatusResult {
  readonly status: DaemonSetStatus;
  /** When the next ready pod becomes available. */
  readonly nextAvailableMs: number | undefined;
}

/** On each node its oldest pod counts. Counts that may be left out are left out when they are 0, as the API does. */
export function daemonSetStatus(world: World): StatusResult {
  const { daemonSet, places, now } = world;
  const wanted = places.filter(({ shouldRun }) => shouldRun);
  const counted = wanted.flatMap(({ pods: [first] }) => (first === undefined ? [] : [first]));
  const minReadySeconds = daemonSet.spec?.minReadySeconds ?? 0;
  const ready = counted.filter(isReady);
  const waits = ready.map((pod) => untilAvailableMs(pod, minReadySeconds, now) ?? minReadySeconds * 1000);
  const waiting = waits.filter((ms) => ms > 0);
  const available = waits.length - waiting.length;
  const updated = counted.filter((pod) => isCurrent(world, pod)).length;
  const unavailable = wanted.length - available;
  const { collisionCount, conditions } = daemonSet.status ?? {};
  return {
    status: {
      currentNumberScheduled: counted.length,
      numberMisscheduled: places.filter((place) => place.exists && !place.shouldRun && place.pods.length > 0).length,
      desiredNumberScheduled: wanted.length,
      numberReady: ready.length,
      observedGeneration: daemonSet.metadata.generation ?? 0,
      ...(updated === 0 ? {} : { updatedNumberScheduled: updated }),
      ...(available === 0 ? {} : { numberAvailable: available }),
      ...(unavailable === 0 ? {} : { numberUnavailable: unavailable }),
      ...(collisionCount === undefined ? {} : { collisionCount }),
      ...(conditions === undefined ? {} : { conditions }),
    },
    nextAvailableMs: waiting.length === 0 ? undefined : Math.min(...waiting),
  };
}
