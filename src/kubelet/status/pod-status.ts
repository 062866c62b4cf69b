/** A pod's whole API status, from the pod and what the runtime holds of it. Pure. */
import { findCondition, setCondition } from '../../api/conditions.ts';
import { formatTime } from '../../api/time.ts';
import type { PodCondition, PodStatus } from '../../api/types.gen.ts';
import type { PodView } from '../pods/view.ts';
import { containerStatuses, type ContainerFacts } from './container-statuses.ts';
import { podConditions } from './conditions.ts';
import { phaseOf, type Phase } from './phase.ts';
import { qosClassOf } from './qos.ts';

export interface StatusInput extends ContainerFacts {
  readonly nodeIPs: readonly string[];
  readonly now: Date;
  /** Nothing of the pod will be started again. */
  readonly isTerminal: boolean;
  /** Why the kubelet itself ended or refused the pod; makes it Failed. */
  readonly verdict?: { readonly reason: string; readonly message: string };
}

const ownConditions = ['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady', 'PodScheduled'];

function readySandbox(view: PodView): PodView['sandboxes'][number] | undefined {
  const [newest] = view.sandboxes;
  return newest?.state === 'ready' ? newest : undefined;
}

function addresses({ pod, view, nodeIPs }: StatusInput): Pick<PodStatus, 'hostIP' | 'hostIPs' | 'podIP' | 'podIPs'> {
  const known = (pod.status?.podIPs ?? []).map(({ ip }) => ip);
  const sandbox = readySandbox(view);
  const own = pod.spec?.hostNetwork === true ? (sandbox === undefined ? [] : nodeIPs) : (sandbox?.ips ?? []);
  // A pod that is over keeps the address it had, for whoever reads its status.
  const ips = own.length > 0 ? own : known;
  const [hostIP] = nodeIPs;
  const [podIP] = ips;
  return {
    ...(hostIP === undefined ? {} : { hostIP, hostIPs: nodeIPs.map((ip) => ({ ip })) }),
    ...(podIP === undefined ? {} : { podIP, podIPs: ips.map((ip) => ({ ip })) }),
  };
}

/** Own conditions in the place of the old ones, with the old times where nothing changed; the others as they were. */
function mergeConditions(known: readonly PodCondition[], own: readonly PodCondition[], now: Date): PodCondition[] {
  const others = known.filter(({ type }) => !ownConditions.includes(type));
  const fresh = own.map((condition) => {
    const old = findCondition(known, condition.type);
    return setCondition(old === undefined ? [] : [old], condition, now)[0] ?? condition;
  });
  return [...fresh, ...others];
}

/** A phase that is terminal never goes back. */
function settledPhase(input: StatusInput, computed: Phase): Phase {
  const known = input.pod.status?.phase;
  if (known === 'Failed' || known === 'Succeeded') return known;
  return input.verdict === undefined ? computed : 'Failed';
}

/** The status to write. `input.pod.status` must be the newest one known, also the kubelet's own last write. */
export function podStatus(input: StatusInput): PodStatus {
  const { pod, now, verdict } = input;
  const old = pod.status ?? {};
  const { init, app, ephemeral } = containerStatuses(input);
  const phase = settledPhase(input, phaseOf(pod, { init, app }, input.isTerminal));
  const known = old.conditions ?? [];
  const sandboxReady = readySandbox(input.view) !== undefined;
  const conditions = podConditions({ pod, init, app, phase, sandboxReady, known });
  const reason = verdict?.reason ?? old.reason;
  const message = verdict?.message ?? old.message;
  const generation = pod.metadata.generation;
  return {
    ...old,
    phase,
    ...(reason === undefined ? {} : { reason }),
    ...(message === undefined ? {} : { message }),
    conditions: mergeConditions(known, conditions, now),
    ...(init.length === 0 ? {} : { initContainerStatuses: init }),
    containerStatuses: app,
    ...(ephemeral.length === 0 ? {} : { ephemeralContainerStatuses: ephemeral }),
    ...addresses(input),
    startTime: old.startTime ?? formatTime(now),
    qosClass: old.qosClass ?? qosClassOf(pod),
    ...(generation === undefined ? {} : { observedGeneration: generation }),
  };
}
