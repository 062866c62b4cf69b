/** Which pods of the kernel no Pod of the API stands behind. Pure. */
import type { Pod } from '../api/types.gen.ts';
import type { AdoptedPod } from './plan-pod.ts';

/** On a mirror pod: the UID of the static pod that it shows. */
const mirrorAnnotation = 'kubernetes.io/config.mirror';

/** Whether this is the mirror of the static pod with that UID. */
export function isStaticPodOf({ metadata }: Pod, uid: string): boolean {
  return metadata.annotations?.[mirrorAnnotation] === uid;
}

/** By UID; a static pod is known by its mirror's annotation. */
export function abandonedPods(links: readonly AdoptedPod[], pods: readonly Pod[]): readonly AdoptedPod[] {
  const known = new Set(
    pods.flatMap(({ metadata }) => [metadata.uid ?? '', metadata.annotations?.[mirrorAnnotation] ?? '']),
  );
  return links.filter(({ uid }) => !known.has(uid));
}
