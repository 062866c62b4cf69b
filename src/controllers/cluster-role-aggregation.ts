/** ClusterRole aggregation: a role with an aggregationRule has the rules of all roles that its selectors match. */
import { isConflict } from '../api/errors.ts';
import { keyOf } from '../api/informer.ts';
import { clusterRoles } from '../api/resources.ts';
import { selectorFromLabelSelector } from '../api/selectors.ts';
import type { ClusterRole, PolicyRule } from '../api/types.gen.ts';
import { startController, unlessGone, type ControllerContext } from './controller.ts';
import { semanticEqual } from './semantic-equal.ts';

const byName = (a: ClusterRole, b: ClusterRole): number => ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1);

/** The rules that the role should have: those of the matching roles by name, selector after selector, none twice. Pure. */
export function aggregatedRules(role: ClusterRole, all: readonly ClusterRole[]): PolicyRule[] {
  const others = all.filter(({ metadata }) => metadata.name !== role.metadata.name).sort(byName);
  const rules = new Map<string, PolicyRule>();
  for (const selector of role.aggregationRule?.clusterRoleSelectors ?? []) {
    const matches = selectorFromLabelSelector(selector);
    const selected = others.filter(({ metadata }) => matches(metadata.labels));
    for (const rule of selected.flatMap((other) => other.rules ?? [])) {
      const { verbs, apiGroups, resources, resourceNames, nonResourceURLs } = rule;
      const key = JSON.stringify([verbs, apiGroups, resources, resourceNames, nonResourceURLs]);
      if (!rules.has(key)) rules.set(key, rule);
    }
  }
  return [...rules.values()];
}

/** Starts the controller; it ends with the context's signal. */
export function startClusterRoleAggregation(context: ControllerContext): void {
  const known = context.informers.informer(clusterRoles);
  const isAggregated = ({ aggregationRule }: ClusterRole): boolean => aggregationRule !== undefined;

  const queue = startController(context, {
    name: 'cluster-role-aggregation',
    after: [known],
    reconcile: async (name) => {
      const role = known.get(name);
      if (role === undefined || !isAggregated(role)) return;
      const rules = aggregatedRules(role, known.list());
      if (semanticEqual(rules, role.rules ?? [])) return;
      try {
        await unlessGone(context.client.update(clusterRoles, { ...role, rules }));
      } catch (error) {
        // The newer role is on its way, and comes with a run of its own.
        if (!isConflict(error)) throw error;
      }
    },
  });

  // Any role may begin or end to match; those that gather are few.
  known.onChange(({ object }) => {
    queue.add(keyOf(object));
    for (const role of known.list().filter(isAggregated)) queue.add(keyOf(role));
  });
}
