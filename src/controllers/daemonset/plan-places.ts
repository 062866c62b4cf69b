/** One pod on each node that should have one, none elsewhere. Pure. */
import type { Pod } from '../../api/types.gen.ts';
import { hasEnded, isReady } from '../pod-state.ts';
import { isAvailable, isCurrent, limitsOf, type Place, type PodPlan, type World } from './world.ts';

const isLeaving = (pod: Pod): boolean => pod.metadata.deletionTimestamp !== undefined;

/** While surging an old pod and a new one may stand side by side until the new one is available. */
function excessWithSurge(world: World, running: readonly Pod[]): Pod[] {
  const fresh = running.filter((pod) => isCurrent(world, pod));
  const stale = running.filter((pod) => !isCurrent(world, pod));
  const excess = [...fresh.slice(1), ...stale.slice(1)];
  const [newest] = fresh;
  const [old] = stale;
  if (newest !== undefined && old !== undefined && (!isReady(old) || isAvailable(world, newest))) excess.push(old);
  return excess;
}

function planPlace(world: World, { pods, shouldRun, mayStay, exists, node }: Place): PodPlan {
  if (!exists)
    return { create: [], remove: pods.filter((pod) => !isLeaving(pod) && (pod.spec?.nodeName ?? '') === '') };
  if (shouldRun && pods.length === 0) return { create: [node], remove: [] };
  const staying = pods.filter((pod) => !isLeaving(pod));
  if (!mayStay) return { create: [], remove: staying };
  const ended = staying.filter(hasEnded);
  const running = staying.filter((pod) => !hasEnded(pod));
  if (limitsOf(world).maxSurge === 0) return { create: [], remove: [...ended, ...running.slice(1)] };
  const create = running.length === 0 && shouldRun ? [node] : [];
  return { create, remove: [...ended, ...excessWithSurge(world, running)] };
}

/**
 * Pods that are missing, and pods that are too many, have ended, or are where they should not be. The pods of a node that has gone are
 * left to the garbage collector, but for those that were never on it.
 */
export function planPlaces(world: World): PodPlan {
  const plans = world.places.map((place) => planPlace(world, place));
  return { create: plans.flatMap(({ create }) => create), remove: plans.flatMap(({ remove }) => remove) };
}
