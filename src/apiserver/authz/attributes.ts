/** What an authorizer is asked, and what it answers. */
import { parseFieldSelector, type FieldTerm } from '../../api/selectors.ts';
import type { ResourcePath, User } from '../request.ts';

/** One question; `path` is set for what is no resource. */
export interface Attributes {
  readonly user: Pick<User, 'name' | 'groups'>;
  /** As in RBAC: `get`, `list`, …; for paths the lower-case HTTP method. */
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
  readonly path?: string;
  /** The field selector of a list, watch or deletion of a collection. */
  readonly fields?: readonly FieldTerm[];
}

export interface Decision {
  readonly allowed: boolean;
  /** Who allowed it, or why nobody did; may be empty. */
  readonly reason: string;
}

const selecting: ReadonlySet<string> = new Set(['list', 'watch', 'deletecollection']);

function fieldsOf(query: URLSearchParams): readonly FieldTerm[] {
  try {
    return parseFieldSelector(query.get('fieldSelector') ?? '');
  } catch {
    // The handler refuses it; until then it narrows nothing.
    return [];
  }
}

/**
 * The question that a request for a resource asks. A list or watch of `metadata.name=NAME` is one of that object alone
 * (the handlers read the same selector), so that rules with resourceNames can allow it.
 */
export function attributesOf(
  user: Attributes['user'],
  verb: string,
  { group, resource, subresource, namespace, name }: ResourcePath,
  query: URLSearchParams,
): Attributes {
  const asked = { user, verb, group, resource, subresource, namespace, name };
  if (!selecting.has(verb) || !query.has('fieldSelector')) return asked;
  const fields = fieldsOf(query);
  const one = fields.find(({ field, equal }) => equal && field === 'metadata.name')?.value ?? '';
  const single = verb !== 'deletecollection' && name === '' ? one : name;
  return { ...asked, name: single, fields };
}

/** The question of a path that is no resource. */
export function pathAttributes(user: Attributes['user'], verb: string, path: string): Attributes {
  return { user, verb, group: '', resource: '', subresource: '', namespace: '', name: '', path };
}

/** Upstream's sentence for a refusal, without the part before `is forbidden: `. */
export function refusalText({ user, verb, group, resource, subresource, namespace, path }: Attributes): string {
  const who = JSON.stringify(user.name);
  if (path !== undefined) return `User ${who} cannot ${verb} path ${JSON.stringify(path)}`;
  const asked = subresource === '' ? resource : `${resource}/${subresource}`;
  const where = namespace === '' ? 'at the cluster scope' : `in the namespace "${namespace}"`;
  return `User ${who} cannot ${verb} resource "${asked}" in API group "${group}" ${where}`;
}
