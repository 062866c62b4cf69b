/** Where a DaemonSet's pods belong. Pure. */
import { choosesNode } from '../../api/node-selector.ts';
import { tolerates } from '../../api/tolerations.ts';
import type { DaemonSet, Node, Pod, PodSpec, Taint, Toleration } from '../../api/types.gen.ts';

/** Taints that no daemon minds: what is wrong with a node is no reason to take its agents away. */
const daemonTolerations: readonly Toleration[] = [
  { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/disk-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/memory-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/pid-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/unschedulable', operator: 'Exists', effect: 'NoSchedule' },
];
const hostNetworkToleration: Toleration = {
  key: 'node.kubernetes.io/network-unavailable',
  operator: 'Exists',
  effect: 'NoSchedule',
};

export interface Placement {
  /** A pod is to be made there. */
  readonly shouldRun: boolean;
  /** A pod that is there may stay. */
  readonly mayStay: boolean;
}

function isSame(a: Toleration, b: Toleration): boolean {
  return a.key === b.key && a.operator === b.operator && a.effect === b.effect && (a.value ?? '') === (b.value ?? '');
}

/** The tolerations of the template and those that every daemon has. */
export function daemonTolerationsOf(spec: PodSpec | undefined): Toleration[] {
  const own = (spec?.tolerations ?? []).filter((each) => !daemonTolerations.some((fixed) => isSame(each, fixed)));
  return [...own, ...daemonTolerations, ...(spec?.hostNetwork === true ? [hostNetworkToleration] : [])];
}

/** Where a pod of this DaemonSet may be: its template's node name, selector and affinity, and the node's taints. */
export function placementOn(daemonSet: DaemonSet, node: Node): Placement {
  const spec = daemonSet.spec?.template.spec;
  const { name = '', labels = {} } = node.metadata;
  const chosen = (spec?.nodeName ?? '') === '' || spec?.nodeName === name;
  if (!chosen || !choosesNode(spec, { name, labels })) return { shouldRun: false, mayStay: false };
  const tolerations = daemonTolerationsOf(spec);
  const minds = (taint: Taint): boolean => !tolerations.some((toleration) => tolerates(toleration, taint));
  const taints = (node.spec?.taints ?? []).filter(minds);
  const mayStay = !taints.some(({ effect }) => effect === 'NoExecute');
  return { mayStay, shouldRun: mayStay && !taints.some(({ effect }) => effect === 'NoSchedule') };
}

/** The spec of the pod for this node: the scheduler may put it nowhere else. */
export function specForNode(spec: PodSpec, node: string): PodSpec {
  const { affinity = {} } = spec;
  const onlyThere = [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: [node] }] }];
  const nodeAffinity = {
    ...affinity.nodeAffinity,
    requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: onlyThere },
  };
  return { ...spec, affinity: { ...affinity, nodeAffinity }, tolerations: daemonTolerationsOf(spec) };
}

/** The node that a pod is on, or was made for. */
export function nodeOf(pod: Pod): string {
  const { nodeName = '', affinity } = pod.spec ?? {};
  if (nodeName !== '') return nodeName;
  const terms = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  const field = terms.flatMap(({ matchFields = [] }) => matchFields).find(({ key }) => key === 'metadata.name');
  return field?.values?.[0] ?? '';
}
