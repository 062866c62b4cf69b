/** A rolling update: which old pods go now, and where a new one comes beside an old one. Pure. */
import type { Pod } from '../../api/types.gen.ts';
import { desiredCount, isAvailable, isCurrent, limitsOf, type Place, type PodPlan, type World } from './world.ts';

/** The one old and the one new pod of a node; undefined when there are more, which {@link planPlaces} puts right first. */
interface Pair {
  readonly place: Place;
  readonly fresh: Pod | undefined;
  readonly old: Pod | undefined;
}

function pairOf(world: World, place: Place): Pair | undefined {
  const staying = place.pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  const fresh = staying.filter((pod) => isCurrent(world, pod));
  const old = staying.filter((pod) => !isCurrent(world, pod));
  return fresh.length > 1 || old.length > 1 ? undefined : { place, fresh: fresh[0], old: old[0] };
}

/** Old pods that do not work go at once; of the others as many as may be unavailable. What replaces them comes when they are gone. */
function planReplacement(world: World, places: readonly Place[], maxUnavailable: number): PodPlan {
  const broken: Pod[] = [];
  const candidates: Pod[] = [];
  let unavailable = 0;
  for (const place of places) {
    const { fresh, old } = pairOf(world, place) ?? {};
    if ((fresh === undefined) === (old === undefined)) unavailable += 1;
    else if (fresh !== undefined) unavailable += isAvailable(world, fresh) ? 0 : 1;
    else if (old !== undefined && isAvailable(world, old)) candidates.push(old);
    else if (old !== undefined) {
      broken.push(old);
      unavailable += 1;
    }
  }
  return { create: [], remove: [...broken, ...candidates.slice(0, Math.max(0, maxUnavailable - unavailable))] };
}

/** An old pod stays until the new one beside it is available; where the old one does not work the new one costs no surge. */
function planSurge(world: World, places: readonly Place[], maxSurge: number): PodPlan {
  const remove: Pod[] = [];
  const misplaced: Pod[] = [];
  const urgent: string[] = [];
  const candidates: string[] = [];
  let [surging, available] = [0, 0];
  for (const place of places) {
    const pair = pairOf(world, place);
    if (pair === undefined) {
      surging += 1;
      continue;
    }
    const { fresh, old } = pair;
    const works = (pod: Pod): boolean => isAvailable(world, pod);
    const counted = old ?? fresh;
    if (counted !== undefined && works(counted)) available += 1;
    if (old === undefined) continue;
    if (fresh !== undefined) {
      if (works(fresh)) remove.push(old);
      else surging += 1;
    } else if (works(old)) {
      if (place.shouldRun) candidates.push(place.node);
      else misplaced.push(old);
    } else if (place.shouldRun) urgent.push(place.node);
    else remove.push(old);
  }
  const spare = Math.max(0, available - desiredCount(world));
  return {
    create: [...urgent, ...candidates.slice(0, Math.max(0, maxSurge - surging))],
    remove: [...remove, ...misplaced.slice(0, spare)],
  };
}

/** The next step towards the newest template; nothing with OnDelete, and nothing when all is new. */
export function planRollout(world: World): PodPlan {
  if (world.daemonSet.spec?.updateStrategy?.type !== 'RollingUpdate') return { create: [], remove: [] };
  const { maxSurge, maxUnavailable } = limitsOf(world);
  const places = world.places.filter(({ pods, exists }) => exists && pods.length > 0);
  return maxSurge === 0 ? planReplacement(world, places, maxUnavailable) : planSurge(world, places, maxSurge);
}
