/**
 * Nobody grants more than he has: who writes a role must hold all its rules in that place, or may `escalate`; who writes a
 * binding must hold the rules of its role, or may `bind` it. The garbage collector's fields may be changed by anybody.
 */
import type { KubeObject } from '../../api/client.ts';
import { clusterRoleBindings, clusterRoles, roleBindings, roles } from '../../api/resources.ts';
import type { ClusterRole, PolicyRule, Role, RoleBinding } from '../../api/types.gen.ts';
import { printRules, uncovered } from '../authz/covers.ts';
import type { Admission, ResourceRow, StrategyContext } from '../resource.ts';
import { forbiddenObject, objectNotFound } from '../validation/refusal.ts';
import { same } from '../validation/same.ts';

const everything: readonly PolicyRule[] = [
  { apiGroups: ['*'], resources: ['*'], verbs: ['*'] },
  { nonResourceURLs: ['*'], verbs: ['*'] },
];

/** Why the user may not give these rules away; undefined when he may. */
function lacking(rules: readonly PolicyRule[], namespace: string, context: StrategyContext): string | undefined {
  const { user, permissions } = context;
  const missing = uncovered(permissions.rules(namespace), rules);
  if (missing.length === 0) return undefined;
  const groups = `[${user.groups.map((group) => JSON.stringify(group)).join(' ')}]`;
  const who = `user ${JSON.stringify(user.name)} (groups=${groups})`;
  return `${who} is attempting to grant RBAC permissions not currently held:\n${printRules(missing)}`;
}

function isOnlyForCollector(object: KubeObject, old: KubeObject | undefined): boolean {
  if (old === undefined) return false;
  const without = ({ metadata, ...rest }: KubeObject): unknown => {
    const kept = { ...metadata };
    delete kept.ownerReferences;
    delete kept.finalizers;
    return { ...rest, metadata: kept };
  };
  return same(without(object), without(old));
}

function aggregates(role: KubeObject | undefined): boolean {
  const { aggregationRule }: Partial<ClusterRole> = role ?? {};
  return (aggregationRule?.clusterRoleSelectors ?? []).length > 0;
}

type Check = (row: ResourceRow, object: KubeObject, old: KubeObject | undefined, context: StrategyContext) => void;

function guarded(rules: readonly PolicyRule[], namespace: string, context: StrategyContext): string | undefined {
  try {
    return lacking(rules, namespace, context);
  } catch (error) {
    if (error instanceof RangeError) return error.message;
    throw error;
  }
}

const checkRole: Check = ({ type }, object, old, context) => {
  const { name = '', namespace = '' } = object.metadata;
  const { group, resource } = type;
  // A create has no name yet when the question is asked.
  const asked = { verb: 'escalate', group, resource, namespace, name: old === undefined ? '' : name };
  if (context.permissions.allows(asked)) return;
  const why = guarded((object as Role).rules ?? [], namespace, context);
  if (why !== undefined) throw forbiddenObject(type, name, why);
  if (!aggregates(object) && !aggregates(old)) return;
  // Such a role gathers anything that is labelled.
  if (guarded(everything, namespace, context) === undefined) return;
  throw forbiddenObject(type, name, 'must have cluster-admin privileges to use the aggregationRule');
};

const checkBinding: Check = ({ type }, object, _old, context) => {
  const { name = '', namespace = '' } = object.metadata;
  const { roleRef } = object as RoleBinding;
  const role = roleRef.kind === 'Role' ? roles : clusterRoles;
  const { group, resource } = role;
  if (context.permissions.allows({ verb: 'bind', group, resource, namespace, name: roleRef.name })) return;
  const rules = context.permissions.rulesOfRole(roleRef, namespace);
  if (rules === undefined) throw objectNotFound(role, roleRef.name);
  const why = guarded(rules, namespace, context);
  if (why !== undefined) throw forbiddenObject(type, name, why);
};

const checks = new Map<string, Check>([
  [roles.resource, checkRole],
  [clusterRoles.resource, checkRole],
  [roleBindings.resource, checkBinding],
  [clusterRoleBindings.resource, checkBinding],
]);

export const noEscalation: Admission = (row, object, old, context) => {
  if (row.type.group !== roles.group || context.permissions.isMaster) return;
  const check = checks.get(row.type.resource);
  if (check === undefined || isOnlyForCollector(object, old)) return;
  check(row, object, old, context);
};
