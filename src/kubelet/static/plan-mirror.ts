/** The mirror of a static pod: what the API shows of it. Pure. */
import type { Pod } from '../../api/types.gen.ts';
import { hashAnnotation } from './manifest.ts';

/** On a mirror: the UID of the static pod that it shows. */
const mirrorAnnotation = 'kubernetes.io/config.mirror';

export interface MirrorInput {
  /** What the file says now. */
  readonly wanted: Pod | undefined;
  /** A static pod of this name that is still being ended, with its deletionTimestamp. */
  readonly ending: Pod | undefined;
  /** What the API has under that name. */
  readonly mirror: Pod | undefined;
  /** Of the Node object, which owns the mirror; undefined before this node is registered. */
  readonly nodeUid: string | undefined;
}

export type MirrorPlan =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'create'; readonly pod: Pod }
  | { readonly kind: 'delete'; readonly graceSeconds: number; readonly reason: string };

const nothing: MirrorPlan = { kind: 'nothing' };
const away = (reason: string, graceSeconds = 0): MirrorPlan => ({ kind: 'delete', graceSeconds, reason });

/** Whether the mirror shows just this pod. */
export function isMirrorOf(mirror: Pod, pod: Pod): boolean {
  return mirror.metadata.annotations?.[mirrorAnnotation] === pod.metadata.annotations?.[hashAnnotation];
}

/** What the API is given: nodes may create nothing else (upstream's NodeRestriction). */
export function mirrorOf(pod: Pod, nodeUid: string): Pod {
  const { name, namespace, labels, annotations = {} } = pod.metadata;
  const node = { apiVersion: 'v1', kind: 'Node', name: pod.spec?.nodeName ?? '', uid: nodeUid, controller: true };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...(name === undefined ? {} : { name }),
      ...(namespace === undefined ? {} : { namespace }),
      ...(labels === undefined ? {} : { labels }),
      annotations: { ...annotations, [mirrorAnnotation]: annotations[hashAnnotation] ?? '' },
      ownerReferences: [node],
    },
    ...(pod.spec === undefined ? {} : { spec: pod.spec }),
  };
}

/** While the pod ends its mirror is one that is being deleted, so that it leaves its Services; then it goes. */
function planEnding(ending: Pod, mirror: Pod | undefined): MirrorPlan {
  if (mirror === undefined || !isMirrorOf(mirror, ending) || mirror.metadata.deletionTimestamp !== undefined)
    return nothing;
  // With a grace of 0 it would be gone before its pod is.
  return away('its file is gone or another one', Math.max(1, ending.metadata.deletionGracePeriodSeconds ?? 0));
}

/** The next step; what it changes in the API leads to the one after. */
export function planMirror({ wanted, ending, mirror, nodeUid }: MirrorInput): MirrorPlan {
  if (ending !== undefined) return planEnding(ending, mirror);
  if (mirror === undefined) {
    return wanted === undefined || nodeUid === undefined ? nothing : { kind: 'create', pod: mirrorOf(wanted, nodeUid) };
  }
  if (wanted === undefined) return away('no static pod stands behind it');
  if (!isMirrorOf(mirror, wanted)) return away('it shows a pod that is over');
  if (mirror.metadata.deletionTimestamp !== undefined) return away('somebody deleted it, and its pod goes on');
  const owner = mirror.metadata.ownerReferences?.[0]?.uid;
  return nodeUid === undefined || owner === nodeUid ? nothing : away('its Node is another one now');
}
