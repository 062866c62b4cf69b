/** Whether somebody may do something. The table of rules stands where RBAC will. */
import type { User } from '../request.ts';
import { staticRules, type Rule } from './rules.ts';

/** What is asked; `path` is set for what is no resource. */
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
}

export interface Decision {
  readonly allowed: boolean;
  /** Why, for the record; may be empty. */
  readonly reason: string;
}

export interface Authorizer {
  authorize(attributes: Attributes): Decision;
  /** All that somebody may do, for `kubectl auth can-i --list`. */
  rulesOf(user: Attributes['user']): readonly Rule[];
}

const has = (list: readonly string[], value: string): boolean => list.includes('*') || list.includes(value);

function pathMatches(patterns: readonly string[], path: string): boolean {
  return patterns.some((pattern) => (pattern.endsWith('*') ? path.startsWith(pattern.slice(0, -1)) : pattern === path));
}

const concerns = (rule: Rule, user: Attributes['user']): boolean =>
  rule.subjects.some((subject) => subject === user.name || user.groups.includes(subject));

function allows(rule: Rule, attributes: Attributes): boolean {
  const { user, verb, group, resource, subresource, path } = attributes;
  if (!concerns(rule, user) || !has(rule.verbs, verb)) return false;
  if (path !== undefined) return pathMatches(rule.paths ?? [], path);
  const asked = subresource === '' ? resource : `${resource}/${subresource}`;
  return has(rule.groups ?? [], group) && has(rule.resources ?? [], asked);
}

/** Decides by the table of authz/rules.ts. */
export function createStaticAuthorizer(rules: readonly Rule[] = staticRules): Authorizer {
  return {
    rulesOf: (user) => rules.filter((rule) => concerns(rule, user)),
    authorize: (attributes) => {
      const rule = rules.find((each) => allows(each, attributes));
      return {
        allowed: rule !== undefined,
        reason: rule === undefined ? '' : `allowed by the rule for ${rule.subjects.join(', ')}`,
      };
    },
  };
}

/** Upstream's sentence for a refusal, without the part before `is forbidden: `. */
export function refusalText({ user, verb, group, resource, subresource, namespace, path }: Attributes): string {
  if (path !== undefined) return `User "${user.name}" cannot ${verb} path "${path}"`;
  const asked = subresource === '' ? resource : `${resource}/${subresource}`;
  const where = namespace === '' ? 'at the cluster scope' : `in the namespace "${namespace}"`;
  return `User "${user.name}" cannot ${verb} resource "${asked}" in API group "${group}" ${where}`;
}
