/** What is filled into new pods from elsewhere in the cluster: their priority, how long they stay on a lost node. */
import { pods } from '../../api/resources.ts';
import type { Pod, PodSpec, Toleration } from '../../api/types.gen.ts';
import type { StrategyContext } from '../resource.ts';
import { forbiddenObject } from '../validation/refusal.ts';

/** One rule for new pods. It may change the pod (a private copy) or throw an ApiError. */
type PodRule = (pod: Pod, context: StrategyContext) => void;

function refuse(pod: Pod, why: string): never {
  throw forbiddenObject(pods, pod.metadata.name ?? pod.metadata.generateName ?? '', why);
}

const specOf = (pod: Pod): PodSpec => (pod.spec ??= { containers: [] });

/** The classes that are always there. */
const builtInClasses: Readonly<Record<string, number>> = {
  'system-cluster-critical': 2_000_000_000,
  'system-node-critical': 2_000_001_000,
};

/** The number behind the class's name; 0 without one. */
export const withPriority: PodRule = (pod) => {
  const spec = specOf(pod);
  const name = spec.priorityClassName ?? '';
  const priority = name === '' ? 0 : builtInClasses[name];
  if (priority === undefined) refuse(pod, `no PriorityClass with name ${name} was found`);
  if (spec.priority !== undefined && spec.priority !== priority) {
    const computed = `the integer value of priority (${spec.priority}) must not be provided in pod spec`;
    refuse(pod, `${computed}; priority admission controller computed ${priority} from the given PriorityClass name`);
  }
  spec.priority = priority;
  spec.preemptionPolicy ??= 'PreemptLowerPriority';
};

/** So long does a pod stay on a node that is not ready or cannot be reached. */
const GRACE_SECONDS = 300;

function tolerates(tolerations: readonly Toleration[], taint: string): boolean {
  return tolerations.some(({ key, effect }) => (!key || key === taint) && (!effect || effect === 'NoExecute'));
}

/** Five minutes of patience with a lost node, for pods that say nothing about it. */
export const withNodeLossTolerations: PodRule = (pod) => {
  const spec = specOf(pod);
  const given = spec.tolerations ?? [];
  const missing = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'].filter(
    (taint) => !tolerates(given, taint),
  );
  if (missing.length === 0) return;
  spec.tolerations = [
    ...given,
    ...missing.map((key) => ({ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: GRACE_SECONDS })),
  ];
};
