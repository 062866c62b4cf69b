/** Index functions that several controllers share. */
import type { KubeObject } from '../api/client.ts';
import { controllerOf } from '../api/owner.ts';
import type { Pod } from '../api/types.gen.ts';

/** By the UID of the controller. */
export function byController(object: KubeObject): string[] {
  const owner = controllerOf(object);
  return owner === undefined ? [] : [owner.uid];
}

/** Objects that nobody controls, by namespace. */
export function orphansByNamespace(object: KubeObject): string[] {
  return controllerOf(object) === undefined ? [object.metadata.namespace ?? ''] : [];
}

/** By namespace. */
export function byNamespace(object: KubeObject): string[] {
  return [object.metadata.namespace ?? ''];
}

/** By the node a pod is assigned to. */
export function byNode(pod: Pod): string[] {
  const node = pod.spec?.nodeName ?? '';
  return node === '' ? [] : [node];
}
