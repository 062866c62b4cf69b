/** Does one rule of a role allow what is asked? Pure. */
import type { PolicyRule } from '../../api/types.gen.ts';
import type { Attributes } from './attributes.ts';

const has = (list: readonly string[] | undefined, value: string): boolean =>
  list !== undefined && (list.includes(value) || list.includes('*'));

/** `/api/*` stands for everything that begins with `/api/`. */
export function pathCovers(pattern: string, path: string): boolean {
  return pattern === path || (pattern.endsWith('*') && path.startsWith(pattern.replace(/\*+$/, '')));
}

/** `pods/log` is covered by itself, by the same subresource of anything, and by everything. */
export function resourceCovers(resources: readonly string[] | undefined, asked: string): boolean {
  if (has(resources, asked)) return true;
  const slash = asked.indexOf('/');
  return slash !== -1 && resources !== undefined && resources.includes(`*${asked.slice(slash)}`);
}

/** Rules with names allow nothing that has no name (a list, a create). */
export function ruleAllows(rule: PolicyRule, asked: Attributes): boolean {
  if (!has(rule.verbs, asked.verb)) return false;
  const { path, group, resource, subresource, name } = asked;
  if (path !== undefined) return (rule.nonResourceURLs ?? []).some((pattern) => pathCovers(pattern, path));
  if (!has(rule.apiGroups, group)) return false;
  if (!resourceCovers(rule.resources, subresource === '' ? resource : `${resource}/${subresource}`)) return false;
  return !rule.resourceNames?.length || rule.resourceNames.includes(name);
}
