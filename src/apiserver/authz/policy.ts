/**
 * All roles and bindings that are stored, by whom they concern: a decision looks at the bindings of its user and groups
 * only. Changed in the same turn as the store, so that no decision lags behind a committed write.
 */
import type { KubeObject } from '../../api/client.ts';
import { clusterRoleBindings, clusterRoles, roleBindings, roles } from '../../api/resources.ts';
import type { ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef, Subject } from '../../api/types.gen.ts';
import type { Store } from '../../store/contract.ts';
import { decodeShared } from '../storage/codec.ts';
import { prefixOf } from '../storage/keys.ts';
import type { Attributes } from './attributes.ts';

/** What a binding gives to one subject. */
export interface Grant {
  readonly binding: RoleBinding | ClusterRoleBinding;
  readonly subject: Subject;
  /** Empty for the whole cluster. */
  readonly namespace: string;
}

export interface Policy {
  /** The cluster's bindings of this user, then those of the namespace (none when it is empty). */
  grantsOf(user: Attributes['user'], namespace: string): Iterable<Grant>;
  /** The rules that a reference from this namespace means; undefined when there is no such role. */
  rulesOf(reference: Pick<RoleRef, 'kind' | 'name'>, namespace: string): readonly PolicyRule[] | undefined;
}

/** A Policy that can be changed, key by key (any text that names one object). */
export interface MutablePolicy extends Policy {
  setRole(namespace: string, name: string, rules: readonly PolicyRule[] | undefined): void;
  setBinding(key: string, binding: RoleBinding | ClusterRoleBinding | undefined): void;
}

/** The user or group that a subject means, as a key; undefined for one that means nobody. */
function whoIs({ kind, name, namespace = '' }: Subject, home: string): string | undefined {
  if (kind === 'User') return `user ${name}`;
  if (kind === 'Group') return `group ${name}`;
  const space = namespace || home;
  return kind === 'ServiceAccount' && space !== '' ? `user system:serviceaccount:${space}:${name}` : undefined;
}

const placeOf = (namespace: string, who: string): string => `${namespace}/${who}`;

/** An empty policy. */
export function createPolicy(): MutablePolicy {
  const rules = new Map<string, readonly PolicyRule[]>();
  const grants = new Map<string, Map<string, Grant>>();
  const places = new Map<string, readonly string[]>();

  function forget(key: string): void {
    for (const place of places.get(key) ?? []) {
      const there = grants.get(place);
      there?.delete(key);
      if (there?.size === 0) grants.delete(place);
    }
    places.delete(key);
  }

  function* grantsAt(user: Attributes['user'], namespace: string): Iterable<Grant> {
    yield* grants.get(placeOf(namespace, `user ${user.name}`))?.values() ?? [];
    for (const group of user.groups) yield* grants.get(placeOf(namespace, `group ${group}`))?.values() ?? [];
  }

  return {
    setRole: (namespace, name, given) => {
      if (given === undefined) rules.delete(placeOf(namespace, name));
      else rules.set(placeOf(namespace, name), given);
    },
    setBinding: (key, binding) => {
      forget(key);
      if (binding === undefined) return;
      const { namespace = '' } = binding.metadata;
      const mine: string[] = [];
      for (const subject of binding.subjects ?? []) {
        const who = whoIs(subject, namespace);
        if (who === undefined) continue;
        const place = placeOf(namespace, who);
        mine.push(place);
        const there = grants.get(place) ?? new Map<string, Grant>();
        grants.set(place, there.set(key, { binding, subject, namespace }));
      }
      places.set(key, mine);
    },
    *grantsOf(user, namespace) {
      yield* grantsAt(user, '');
      if (namespace !== '') yield* grantsAt(user, namespace);
    },
    rulesOf: ({ kind, name }, namespace) => {
      if (kind === 'ClusterRole') return rules.get(placeOf('', name));
      return kind === 'Role' && namespace !== '' ? rules.get(placeOf(namespace, name)) : undefined;
    },
  };
}

/** The policy that a store holds, from now on. `end` stops following it. */
export function followPolicy(store: Store): { readonly policy: Policy; readonly end: () => void } {
  const policy = createPolicy();
  const setRole = (_key: string, object: KubeObject, isThere: boolean): void => {
    const { namespace = '', name = '' } = object.metadata;
    policy.setRole(namespace, name, isThere ? ((object as Role).rules ?? []) : undefined);
  };
  const setBinding = (key: string, object: KubeObject, isThere: boolean): void => {
    policy.setBinding(key, isThere ? (object as RoleBinding) : undefined);
  };
  const kinds = [
    [roles, setRole],
    [clusterRoles, setRole],
    [roleBindings, setBinding],
    [clusterRoleBindings, setBinding],
  ] as const;
  const ends = kinds.map(([type, set]) => {
    const prefix = prefixOf(type);
    for (const { key, value } of store.latest.range(prefix)) set(key, decodeShared(value), true);
    return store.latest.onChange(prefix, ({ key, value, type: kind }) => set(key, decodeShared(value), kind === 'put'));
  });
  return { policy, end: () => ends.forEach((end) => end()) };
}
