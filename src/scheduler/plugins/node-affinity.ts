/** nodeSelector and node affinity: the pod chooses nodes by their labels. */
import type { NodeSelectorRequirement, NodeSelectorTerm } from '../../api/types.gen.ts';
import { normalized, type Filter, type Score } from '../framework.ts';
import type { NodeState } from '../node-state.ts';

function compare(value: string | undefined, operator: 'Gt' | 'Lt', limit: string | undefined): boolean {
  if (value === undefined || limit === undefined || !/^-?\d+$/.test(value) || !/^-?\d+$/.test(limit)) return false;
  return operator === 'Gt' ? BigInt(value) > BigInt(limit) : BigInt(value) < BigInt(limit);
}

function holds({ operator, values = [] }: NodeSelectorRequirement, value: string | undefined): boolean {
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'Gt':
    case 'Lt':
      return compare(value, operator, values[0]);
    default:
      return false;
  }
}

/** All requirements of a term must hold; a term without any matches no node. */
export function matchesTerm({ matchExpressions = [], matchFields = [] }: NodeSelectorTerm, node: NodeState): boolean {
  if (matchExpressions.length + matchFields.length === 0) return false;
  return (
    matchExpressions.every((each) => holds(each, node.labels[each.key])) &&
    matchFields.every((each) => holds(each, each.key === 'metadata.name' ? node.name : undefined))
  );
}

export const nodeAffinity: Filter & Score = {
  name: 'NodeAffinity',
  weight: 2,
  reasons: ({ pod }, node) => {
    const selector = Object.entries(pod.spec?.nodeSelector ?? {});
    const required = pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
    const isSelected = selector.every(([key, value]) => node.labels[key] === value);
    const isWanted = required === undefined || required.nodeSelectorTerms.some((term) => matchesTerm(term, node));
    return isSelected && isWanted ? [] : ["node(s) didn't match Pod's node affinity/selector"];
  },
  scores: ({ pod }, nodes) => {
    const preferred = pod.spec?.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
    const sums = nodes.map((node) =>
      preferred.reduce((sum, { preference, weight }) => sum + (matchesTerm(preference, node) ? weight : 0), 0),
    );
    return normalized(sums);
  },
};
