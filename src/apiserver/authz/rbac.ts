/** Role-based access control: allowed is what a role says that is bound to the user or to one of the groups. */
import type { PolicyRule } from '../../api/types.gen.ts';
import type { Attributes, Decision } from './attributes.ts';
import type { Grant, Policy } from './policy.ts';
import { ruleAllows } from './policy-rule.ts';

function subjectText({ subject: { kind, name, namespace }, namespace: home }: Grant): string {
  return kind === 'ServiceAccount' ? `${kind} "${name}/${namespace || home}"` : `${kind} "${name}"`;
}

function bindingText(grant: Grant): string {
  const { metadata, roleRef } = grant.binding;
  const role = `of ${roleRef.kind} "${roleRef.name}" to ${subjectText(grant)}`;
  if (grant.namespace === '') return `ClusterRoleBinding "${metadata.name}" ${role}`;
  return `RoleBinding "${metadata.name}/${grant.namespace}" ${role}`;
}

const missingText = ({ kind, name }: { kind: string; name: string }): string =>
  `${kind.toLowerCase()}.rbac.authorization.k8s.io "${name}" not found`;

/** Never waits, changes nothing. */
export function decideByRoles(policy: Policy, asked: Attributes): Decision {
  const missing = new Set<string>();
  for (const grant of policy.grantsOf(asked.user, asked.namespace)) {
    const rules = policy.rulesOf(grant.binding.roleRef, grant.namespace);
    if (rules === undefined) missing.add(missingText(grant.binding.roleRef));
    else if (rules.some((rule) => ruleAllows(rule, asked))) {
      return { allowed: true, reason: `RBAC: allowed by ${bindingText(grant)}` };
    }
  }
  if (missing.size === 0) return { allowed: false, reason: '' };
  const [only = ''] = missing;
  return { allowed: false, reason: `RBAC: ${missing.size === 1 ? only : `[${[...missing].join(', ')}]`}` };
}

/** All rules that hold for somebody in a namespace (empty: those of the whole cluster alone). */
export function rulesFor(policy: Policy, user: Attributes['user'], namespace: string): PolicyRule[] {
  return [...policy.grantsOf(user, namespace)].flatMap(
    (grant) => policy.rulesOf(grant.binding.roleRef, grant.namespace) ?? [],
  );
}
