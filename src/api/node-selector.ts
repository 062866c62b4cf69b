/** Which nodes a pod chooses: nodeSelector and required node affinity. */
import type { NodeSelectorRequirement, NodeSelectorTerm, PodSpec } from './types.gen.ts';

/** What a selector looks at. */
export interface SelectableNode {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

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
export function matchesTerm(
  { matchExpressions = [], matchFields = [] }: NodeSelectorTerm,
  node: SelectableNode,
): boolean {
  if (matchExpressions.length + matchFields.length === 0) return false;
  return (
    matchExpressions.every((each) => holds(each, node.labels[each.key])) &&
    matchFields.every((each) => holds(each, each.key === 'metadata.name' ? node.name : undefined))
  );
}

/** Whether the pod may be on this node by its nodeSelector and its required node affinity. */
export function choosesNode(spec: PodSpec | undefined, node: SelectableNode): boolean {
  const required = spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  const isSelected = Object.entries(spec?.nodeSelector ?? {}).every(([key, value]) => node.labels[key] === value);
  return isSelected && (required === undefined || required.nodeSelectorTerms.some((term) => matchesTerm(term, node)));
}
