/**
 * Whether somebody may do something: the group system:masters always, nodes by what their pods use, everybody by RBAC.
 *
 *   user, verb, resource or path ──► masters? ──► node? (node.ts) ──► bindings of user and groups (policy.ts, rbac.ts)
 *                                       │             │                        │
 *                                       └── allowed ◄─┴────────────────────────┴──► refused, with every reason there is
 */
import type { PolicyRule, RoleRef } from '../../api/types.gen.ts';
import type { Store } from '../../store/contract.ts';
import type { Attributes, Decision } from './attributes.ts';
import { nodeRules } from './defaults/system-roles.ts';
import { decideForNode } from './node.ts';
import { nodeNameOf } from './node-identity.ts';
import { followNodeUses, type NodeUses } from './node-uses.ts';
import { followPolicy, type Policy } from './policy.ts';
import { decideByRoles, rulesFor } from './rbac.ts';

/** All that somebody may do, as far as it can be said in rules. */
export interface RulesOfUser {
  readonly rules: readonly PolicyRule[];
  /** Why there may be more; undefined when there is no more. */
  readonly incomplete?: string;
}

export interface Authorizer {
  authorize(attributes: Attributes): Decision;
  /** For `kubectl auth can-i --list` and for what somebody may grant. */
  rulesOf(user: Attributes['user'], namespace: string): RulesOfUser;
  /** The rules of a role; undefined when there is no such role. */
  rulesOfRole(reference: Pick<RoleRef, 'kind' | 'name'>, namespace: string): readonly PolicyRule[] | undefined;
}

const masters = 'system:masters';

/** Whether nothing is asked of this user. */
export const isMaster = ({ groups }: Pick<Attributes['user'], 'groups'>): boolean => groups.includes(masters);

/** An authorizer over any policy; pure but for what the two indexes hold. */
export function createAuthorizer(policy: Policy, uses: NodeUses): Authorizer {
  return {
    authorize: (asked) => {
      if (isMaster(asked.user)) return { allowed: true, reason: '' };
      const node = nodeNameOf(asked.user);
      const asNode = node === undefined ? undefined : decideForNode(node, asked, uses, nodeRules);
      if (asNode?.allowed === true) return asNode;
      const byRoles = decideByRoles(policy, asked);
      if (byRoles.allowed || asNode === undefined) return byRoles;
      return { allowed: false, reason: [asNode.reason, byRoles.reason].filter((text) => text !== '').join('\n') };
    },
    rulesOf: (user, namespace) => {
      const rules = rulesFor(policy, user, namespace);
      if (nodeNameOf(user) === undefined) return { rules };
      return { rules, incomplete: 'node authorizer does not support user rule resolution' };
    },
    rulesOfRole: (reference, namespace) => policy.rulesOf(reference, namespace),
  };
}

/** The authorizer of what a store holds, from now on. `end` stops following it. */
export function followAuthorization(store: Store): { readonly authorizer: Authorizer; readonly end: () => void } {
  const { policy, end } = followPolicy(store);
  const uses = followNodeUses(store);
  return {
    authorizer: createAuthorizer(policy, uses),
    end: () => {
      end();
      uses.end();
    },
  };
}
