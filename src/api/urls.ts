/** Paths and queries of the API's REST verbs. */
import type { ListOptions, ObjectKey } from './client.ts';
import { apiError } from './errors.ts';
import type { ResourceType } from './resources.ts';

type AnyType = Pick<ResourceType<unknown>, 'group' | 'version' | 'resource' | 'namespaced'>;

/** One path segment. A name that would change the path is refused here, before it reaches the wire. */
function segment(text: string): string {
  if (text === '' || text === '.' || text === '..' || text.includes('/')) {
    throw apiError({ code: 400, reason: 'BadRequest', message: `${JSON.stringify(text)} cannot be part of a path` });
  }
  return encodeURIComponent(text);
}

/** `/api/v1/namespaces/NS/pods` or `/apis/apps/v1/deployments`; without `namespace` it is the resource in all of them. */
export function collectionPath(type: AnyType, namespace?: string): string {
  const root = type.group === '' ? `/api/${type.version}` : `/apis/${type.group}/${type.version}`;
  const scope = type.namespaced && namespace !== undefined ? `/namespaces/${segment(namespace)}` : '';
  return `${root}${scope}/${type.resource}`;
}

/** The path of one object, or of its subresource. A namespaced object needs its namespace. */
export function objectPath(type: AnyType, key: ObjectKey, subresource?: string): string {
  if (type.namespaced && key.namespace === undefined) {
    throw apiError({ code: 400, reason: 'BadRequest', message: `${type.resource} ${key.name}: namespace is missing` });
  }
  const path = `${collectionPath(type, key.namespace)}/${segment(key.name)}`;
  return subresource === undefined ? path : `${path}/${segment(subresource)}`;
}

/** `?a=1&b=2`, without what is undefined; empty when nothing is left. */
export function queryText(parameters: Readonly<Record<string, string | number | boolean | undefined>>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined) query.set(name, String(value));
  }
  return query.size === 0 ? '' : `?${query.toString()}`;
}

/** The query of LIST and WATCH. */
export function listQuery(options: ListOptions): Record<string, string | number | undefined> {
  const { labelSelector, fieldSelector, resourceVersion, limit } = options;
  return { labelSelector, fieldSelector, resourceVersion, limit, continue: options.continue };
}
