/** The kubelet's own conditions of a pod. Pure; reasons and messages as the field knows them. */
import { findCondition } from '../../api/conditions.ts';
import type { ContainerStatus, Pod, PodCondition } from '../../api/types.gen.ts';
import { isSidecar } from '../pods/restart-policy.ts';
import type { Phase } from './phase.ts';

export interface ConditionFacts {
  readonly pod: Pod;
  readonly init: readonly ContainerStatus[];
  readonly app: readonly ContainerStatus[];
  readonly phase: Phase;
  readonly sandboxReady: boolean;
  /** Conditions of the API's copy, for readiness gates. */
  readonly known: readonly PodCondition[];
}

type Verdict = Pick<PodCondition, 'status' | 'reason' | 'message'>;

const yes: Verdict = { status: 'True' };

function no(reason: string, message?: string): Verdict {
  return { status: 'False', reason, ...(message === undefined ? {} : { message }) };
}

function initialized({ pod, init, app, phase }: ConditionFacts): Verdict {
  if (phase === 'Succeeded') return { status: 'True', reason: 'PodCompleted' };
  const anyAppStarted = app.some(({ state, lastState }) => {
    return state?.running !== undefined || state?.terminated !== undefined || lastState?.terminated !== undefined;
  });
  if (anyAppStarted) return yes;
  const incomplete = (pod.spec?.initContainers ?? []).filter((container, index) => {
    const status = init[index];
    return isSidecar(container) ? status?.started !== true : status?.ready !== true;
  });
  if (incomplete.length === 0) return yes;
  const names = incomplete.map(({ name }) => name).join(' ');
  return no('ContainersNotInitialized', `containers with incomplete status: [${names}]`);
}

function containersReady({ pod, init, app, phase }: ConditionFacts): Verdict {
  if (phase === 'Succeeded') return no('PodCompleted');
  if (phase === 'Failed') return no('PodFailed');
  const sidecars = init.filter((_, index) => {
    const container = pod.spec?.initContainers?.[index];
    return container !== undefined && isSidecar(container);
  });
  const unready = [...sidecars, ...app].filter(({ ready }) => !ready).map(({ name }) => name);
  if (unready.length === 0) return yes;
  return no('ContainersNotReady', `containers with unready status: [${unready.join(' ')}]`);
}

function podReady(facts: ConditionFacts, containers: Verdict): Verdict {
  if (containers.status !== 'True') return containers;
  const unmet = (facts.pod.spec?.readinessGates ?? []).flatMap(({ conditionType }) => {
    const gate = findCondition(facts.known, conditionType);
    if (gate === undefined) return [`corresponding condition of pod readiness gate "${conditionType}" does not exist.`];
    if (gate.status === 'True') return [];
    return [`the status of pod readiness gate "${conditionType}" is not "True", but ${gate.status}`];
  });
  return unmet.length === 0 ? yes : no('ReadinessGatesNotReady', unmet.join(', '));
}

/** PodReadyToStartContainers, Initialized, Ready, ContainersReady, PodScheduled, without times. */
export function podConditions(facts: ConditionFacts): PodCondition[] {
  const containers = containersReady(facts);
  const generation = facts.pod.metadata.generation;
  const observed = generation === undefined ? {} : { observedGeneration: generation };
  const scheduled = findCondition(facts.known, 'PodScheduled');
  return [
    { type: 'PodReadyToStartContainers', ...observed, status: facts.sandboxReady ? 'True' : 'False' },
    { type: 'Initialized', ...observed, ...initialized(facts) },
    { type: 'Ready', ...observed, ...podReady(facts, containers) },
    { type: 'ContainersReady', ...observed, ...containers },
    scheduled ?? { type: 'PodScheduled', ...observed, status: 'True' },
  ];
}
