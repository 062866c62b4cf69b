/** What the plans of a DaemonSet look at. */
import { hasEnded, untilAvailableMs } from '../pod-state.ts';
import { scaledValue } from '../deployment/rollout-math.ts';
import type { DaemonSet, Node, Pod } from '../../api/types.gen.ts';
import { nodeOf, placementOn, type Placement } from './placement.ts';

export const hashLabel = 'controller-revision-hash';

/** One node, and the DaemonSet's pods there: the oldest first, those that are on their way out as well. */
export interface Place extends Placement {
  readonly node: string;
  /** False for a node that has gone. */
  readonly exists: boolean;
  readonly pods: readonly Pod[];
}

/** One DaemonSet with all that belongs to it. */
export interface World {
  readonly daemonSet: DaemonSet;
  /** Of the template as it is now. */
  readonly hash: string;
  readonly places: readonly Place[];
  readonly now: Date;
}

/** What is to be done with pods. */
export interface PodPlan {
  /** Nodes that need a pod. */
  readonly create: readonly string[];
  readonly remove: readonly Pod[];
}

function olderFirst(a: Pod, b: Pod): number {
  const assigned = Number((b.spec?.nodeName ?? '') !== '') - Number((a.spec?.nodeName ?? '') !== '');
  if (assigned !== 0) return assigned;
  const [left, right] = [a.metadata.creationTimestamp ?? '', b.metadata.creationTimestamp ?? ''];
  if (left !== right) return left < right ? -1 : 1;
  return (a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1;
}

/** Nodes with their pods. A pod that has ended and is being deleted is no pod any more. */
export function placesOf(daemonSet: DaemonSet, nodes: readonly Node[], pods: readonly Pod[]): Place[] {
  const byNode = new Map<string, Pod[]>(nodes.map(({ metadata: { name = '' } }) => [name, []]));
  for (const pod of pods) {
    if (pod.metadata.deletionTimestamp !== undefined && hasEnded(pod)) continue;
    const node = nodeOf(pod);
    byNode.set(node, [...(byNode.get(node) ?? []), pod]);
  }
  const known = new Map(nodes.map((node) => [node.metadata.name ?? '', node]));
  return [...byNode].map(([name, own]) => {
    const node = known.get(name);
    const placement = node === undefined ? { shouldRun: false, mayStay: false } : placementOn(daemonSet, node);
    return { ...placement, node: name, exists: node !== undefined, pods: own.sort(olderFirst) };
  });
}

export function isCurrent({ hash }: World, pod: Pod): boolean {
  return pod.metadata.labels?.[hashLabel] === hash;
}

export function isAvailable({ daemonSet, now }: World, pod: Pod): boolean {
  return untilAvailableMs(pod, daemonSet.spec?.minReadySeconds ?? 0, now) === 0;
}

/** How many nodes should run a pod. */
export function desiredCount({ places }: World): number {
  return places.filter(({ shouldRun }) => shouldRun).length;
}

/** How far a rolling update may go; never both 0, or nothing could move. Shares are rounded up. */
export function limitsOf(world: World): { readonly maxSurge: number; readonly maxUnavailable: number } {
  const { type, rollingUpdate } = world.daemonSet.spec?.updateStrategy ?? {};
  if (type !== 'RollingUpdate') return { maxSurge: 0, maxUnavailable: 0 };
  const desired = desiredCount(world);
  const maxSurge = scaledValue(rollingUpdate?.maxSurge, desired, true);
  const maxUnavailable = scaledValue(rollingUpdate?.maxUnavailable ?? 1, desired, true);
  return { maxSurge, maxUnavailable: maxSurge + maxUnavailable === 0 ? 1 : maxUnavailable };
}
