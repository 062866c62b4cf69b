/** For tests: questions and policies in a line each. */
import type { ClusterRole, PolicyRule, RoleBinding, Subject } from '../../api/types.gen.ts';
import type { Attributes } from './attributes.ts';
import { createPolicy, type MutablePolicy } from './policy.ts';

type Asked = Partial<Omit<Attributes, 'user'>>;

/** A question; `resource` may be `pods/log`, `deployments.apps`, `leases.coordination.k8s.io/status`. */
export function ask(user: string, groups: readonly string[], verb: string, what: string, rest: Asked = {}): Attributes {
  const nothing = { group: '', resource: '', subresource: '', namespace: '', name: '' };
  if (what.startsWith('/')) return { user: { name: user, groups }, verb, ...nothing, path: what };
  const [place = '', subresource = ''] = what.split('/');
  const [resource = '', ...group] = place.split('.');
  return { user: { name: user, groups }, verb, ...nothing, resource, group: group.join('.'), subresource, ...rest };
}

export const pods = (verbs: readonly string[], rest: Partial<PolicyRule> = {}): PolicyRule => ({
  verbs: [...verbs],
  apiGroups: [''],
  resources: ['pods'],
  ...rest,
});

/** A binding to a ClusterRole; with a namespace only there. */
export function binding(role: string, subjects: Subject[], namespace?: string, kind = 'ClusterRole'): RoleBinding {
  const metadata = { name: `${role}-binding`, ...(namespace !== undefined && { namespace }) };
  return { metadata, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind, name: role }, subjects };
}

/** A policy of these cluster roles and bindings. */
export function policyOf(rules: Record<string, ClusterRole['rules']>, bindings: readonly RoleBinding[]): MutablePolicy {
  const policy = createPolicy();
  for (const [name, given = []] of Object.entries(rules)) policy.setRole('', name, given);
  for (const [index, each] of bindings.entries()) policy.setBinding(String(index), each);
  return policy;
}
