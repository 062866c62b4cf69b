/**
 * Makes the default roles and bindings at every start, and gives back what was taken out of them: rules, subjects, labels.
 * What somebody added stays. An object with the annotation `autoupdate: "false"` is left as it is.
 */
import type { KubeObject } from '../../../api/client.ts';
import { clusterRoleBindings, clusterRoles } from '../../../api/resources.ts';
import type { ClusterRole, ClusterRoleBinding, Subject } from '../../../api/types.gen.ts';
import { ensure, type BootstrapClient } from '../../ensure.ts';
import { same } from '../../validation/same.ts';
import { uncovered } from '../covers.ts';
import { defaultBindings, type DefaultBinding } from './bindings.ts';
import type { DefaultRole } from './rule.ts';
import { systemRoles } from './system-roles.ts';
import { userRoles } from './user-roles.ts';

const autoUpdate = 'rbac.authorization.kubernetes.io/autoupdate';
const ownLabels = { 'kubernetes.io/bootstrapping': 'rbac-defaults' };

function roleObject({ name, labels, rules, gathers }: DefaultRole): ClusterRole {
  return {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: clusterRoles.kind,
    metadata: { name, labels: { ...ownLabels, ...labels }, annotations: { [autoUpdate]: 'true' } },
    ...(rules !== undefined && { rules: structuredClone([...rules]) }),
    ...(gathers !== undefined && {
      aggregationRule: { clusterRoleSelectors: [{ matchLabels: { [gathers]: 'true' } }] },
    }),
  };
}

function bindingObject({ role, subjects }: DefaultBinding): ClusterRoleBinding {
  return {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: clusterRoleBindings.kind,
    metadata: { name: role, labels: { ...ownLabels }, annotations: { [autoUpdate]: 'true' } },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
    subjects: structuredClone([...subjects]),
  };
}

/** Adds missing labels and annotations; what is there wins. Says whether anything was missing. */
function correctMetadata(stored: KubeObject, { metadata }: KubeObject): boolean {
  const { labels, annotations } = stored.metadata;
  stored.metadata.labels = { ...metadata.labels, ...labels };
  stored.metadata.annotations = { ...metadata.annotations, ...annotations };
  return !same([labels, annotations], [stored.metadata.labels, stored.metadata.annotations]);
}

const isProtected = ({ metadata }: KubeObject): boolean => metadata.annotations?.[autoUpdate] === 'false';

/** Adds selectors that are missing; a role that is not meant to gather anything loses its own. */
function correctAggregation(stored: ClusterRole, wanted: ClusterRole): boolean {
  if (wanted.aggregationRule === undefined) {
    const isThere = stored.aggregationRule !== undefined;
    delete stored.aggregationRule;
    return isThere;
  }
  const selectors = stored.aggregationRule?.clusterRoleSelectors ?? [];
  const lost = (wanted.aggregationRule.clusterRoleSelectors ?? []).filter(
    (selector) => !selectors.some((each) => same(each, selector)),
  );
  if (lost.length > 0) stored.aggregationRule = { clusterRoleSelectors: [...selectors, ...lost] };
  return lost.length > 0;
}

/** Brings a stored role into line; false when it is right, or protected. */
function correctRole(stored: ClusterRole, wanted: ClusterRole): boolean {
  if (isProtected(stored)) return false;
  const missing = uncovered(stored.rules ?? [], wanted.rules ?? []);
  if (missing.length > 0) stored.rules = [...(stored.rules ?? []), ...missing];
  const changes = [correctMetadata(stored, wanted), correctAggregation(stored, wanted), missing.length > 0];
  return changes.includes(true);
}

const sameSubject = (a: Subject, b: Subject): boolean =>
  a.kind === b.kind && a.name === b.name && (a.namespace ?? '') === (b.namespace ?? '');

/** The same for a binding. A binding to another role is left: its roleRef cannot change. */
function correctBinding(stored: ClusterRoleBinding, wanted: ClusterRoleBinding): boolean {
  if (isProtected(stored) || !same(stored.roleRef, wanted.roleRef)) return false;
  const changed = correctMetadata(stored, wanted);
  const there = stored.subjects ?? [];
  const missing = (wanted.subjects ?? []).filter((subject) => !there.some((each) => sameSubject(each, subject)));
  if (missing.length > 0) stored.subjects = [...there, ...missing];
  return changed || missing.length > 0;
}

/** All of them side by side, so that they share commits. Rejects with an ApiError when the server refuses. */
export async function ensureDefaultRoles(client: BootstrapClient): Promise<void> {
  const wantedRoles = [...userRoles, ...systemRoles].map(roleObject);
  const wantedBindings = defaultBindings.map(bindingObject);
  await Promise.all([
    ...wantedRoles.map((wanted) => ensure(client, clusterRoles, wanted, (stored) => correctRole(stored, wanted))),
    ...wantedBindings.map((wanted) =>
      ensure(client, clusterRoleBindings, wanted, (stored) => correctBinding(stored, wanted)),
    ),
  ]);
}
