/** Short forms for tables of rules. */
import type { PolicyRule } from '../../../api/types.gen.ts';

const words = (text: string): string[] => text.split(' ');

export const read = 'get list watch';
export const write = 'create update patch delete deletecollection';
export const readWrite = `${read} ${write}`;
export const readUpdate = `${read} update patch`;

/** Verbs, API groups (`core` is the one without a name) and resources, each with spaces between. */
export function rule(verbs: string, groups: string, resources: string): PolicyRule {
  const apiGroups = words(groups).map((group) => (group === 'core' ? '' : group));
  return { verbs: words(verbs), apiGroups, resources: words(resources) };
}

/** The same for objects of these names alone. */
export function named(verbs: string, group: string, resource: string, names: string): PolicyRule {
  return { ...rule(verbs, group, resource), resourceNames: words(names) };
}

/** Verbs and paths that are no resources. */
export function paths(verbs: string, urls: string): PolicyRule {
  return { verbs: words(verbs), nonResourceURLs: words(urls) };
}

/** What everybody needs who tells of what happens. */
export const eventsRule = rule('create update patch', 'core events.k8s.io', 'events');

/** A ClusterRole that is always there. */
export interface DefaultRole {
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly rules?: readonly PolicyRule[];
  /** Label that gathers other roles' rules into this one. */
  readonly gathers?: string;
}
