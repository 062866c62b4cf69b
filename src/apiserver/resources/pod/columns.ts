/** The table of `kubectl get pods`. */
import type { Pod } from '../../../api/types.gen.ts';
import { isConditionTrue } from '../../../api/conditions.ts';
import type { Column } from '../../resource.ts';
import { ageColumn, column, nameColumn, wide } from '../columns.ts';
import { podSummary } from './status-columns.ts';

function readinessGates(pod: Pod): string {
  const gates = pod.spec?.readinessGates ?? [];
  if (gates.length === 0) return '<none>';
  const open = gates.filter((gate) => isConditionTrue(pod.status?.conditions, gate.conditionType));
  return `${open.length}/${gates.length}`;
}

export const podColumns: readonly Column<Pod>[] = [
  nameColumn,
  column('Ready', 'Containers that are ready, of all.', (pod, now) => podSummary(pod, now).ready),
  column('Status', 'What the pod is doing.', (pod, now) => podSummary(pod, now).status),
  column('Restarts', 'Restarts of its containers, and when the last was.', (pod, now) => podSummary(pod, now).restarts),
  ageColumn,
  wide('IP', 'Address of the pod.', (pod) => pod.status?.podIPs?.[0]?.ip || '<none>'),
  wide('Node', 'Node it runs on.', (pod) => pod.spec?.nodeName || '<none>'),
  wide('Nominated Node', 'Node kept free for it.', (pod) => pod.status?.nominatedNodeName || '<none>'),
  wide('Readiness Gates', 'Extra conditions that are true, of all.', readinessGates),
];
