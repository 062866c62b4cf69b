/** Where objects lie in the store: `/registry/GROUP/RESOURCE/[NAMESPACE/]NAME`; the core group is `core`. */
import type { ResourceType } from '../../api/resources.ts';

type Place = Pick<ResourceType<unknown>, 'group' | 'resource' | 'namespaced'>;

/** All objects of a resource, or those of one namespace. Ends in `/`. */
export function prefixOf(type: Place, namespace?: string): string {
  const all = `/registry/${type.group === '' ? 'core' : type.group}/${type.resource}/`;
  return type.namespaced && namespace !== undefined && namespace !== '' ? `${all}${namespace}/` : all;
}

export function keyOf(type: Place, namespace: string | undefined, name: string): string {
  return `${prefixOf(type, type.namespaced ? namespace : undefined)}${name}`;
}
