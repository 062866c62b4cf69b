/** The templates that a DaemonSet had, as ControllerRevisions: what `kubectl rollout history` and `undo` read. Pure. */
import { ownerReference } from '../../api/owner.ts';
import type { ControllerRevision, DaemonSet, Pod, PodTemplateSpec } from '../../api/types.gen.ts';
import type { Owner } from '../claim.ts';
import { templateHash } from '../deployment/template-hash.ts';
import { semanticEqual } from '../semantic-equal.ts';
import { hashLabel } from './world.ts';

/** A strategic merge patch that brings this template back, whatever stands there by then. */
export function templatePatch(template: PodTemplateSpec): unknown {
  return { spec: { template: { ...template, $patch: 'replace' } } };
}

/** Where the newest template stands in the history. */
export interface HistoryPlan {
  /** Its revision, when there is one already. */
  readonly current: ControllerRevision | undefined;
  /** The number it is to have: higher than all others. */
  readonly number: number;
}

export function planHistory(daemonSet: DaemonSet, revisions: readonly ControllerRevision[]): HistoryPlan {
  const data = templatePatch(daemonSet.spec?.template ?? {});
  const same = revisions.filter((each) => semanticEqual(each.data, data)).sort((a, b) => b.revision - a.revision);
  const [current] = same;
  const highest = Math.max(0, ...revisions.filter((each) => each !== current).map(({ revision }) => revision));
  if (current !== undefined && current.revision > highest) return { current, number: current.revision };
  return { current, number: highest + 1 };
}

/** The revision of the template as it is now. */
export function newRevision(owner: Owner, daemonSet: DaemonSet, number: number): ControllerRevision {
  const template = daemonSet.spec?.template ?? {};
  const hash = templateHash(template, daemonSet.status?.collisionCount);
  const { name, namespace, annotations } = daemonSet.metadata;
  return {
    metadata: {
      name: `${name}-${hash}`,
      ...(namespace === undefined ? {} : { namespace }),
      labels: { ...template.metadata?.labels, [hashLabel]: hash },
      ...(annotations === undefined ? {} : { annotations }),
      ownerReferences: [ownerReference(owner, { controller: true })],
    },
    data: templatePatch(template),
    revision: number,
  };
}

export function hashOf(revision: ControllerRevision): string {
  return revision.metadata.labels?.[hashLabel] ?? '';
}

/** Old revisions beyond the limit, the oldest first; those of pods that still run are kept. */
export function surplusRevisions(
  daemonSet: DaemonSet,
  old: readonly ControllerRevision[],
  pods: readonly Pod[],
): ControllerRevision[] {
  const live = new Set(pods.map(({ metadata }) => metadata.labels?.[hashLabel] ?? ''));
  const surplus = Math.max(0, old.length - (daemonSet.spec?.revisionHistoryLimit ?? 10));
  const oldestFirst = [...old].sort((a, b) => a.revision - b.revision);
  return oldestFirst.filter((each) => !live.has(hashOf(each))).slice(0, surplus);
}
