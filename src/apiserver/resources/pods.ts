/** Pods. */
import type { DeleteOptions } from '../../api/client.ts';
import { pods } from '../../api/resources.ts';
import type { Pod, PodCondition, PodSpec } from '../../api/types.gen.ts';
import type { FieldError, ResourceRow, Strategy } from '../resource.ts';
import { forbidden, invalid } from '../validation/field-error.ts';
import { validateMeta } from '../validation/metadata.ts';
import { nameIsSubdomain } from '../validation/names.ts';
import { same } from '../validation/same.ts';
import { podColumns } from './pod/columns.ts';
import { setPodDefaults } from './pod/defaults.ts';
import { qosClass } from './pod/resources.ts';
import { validatePodSpec } from './pod/validate-spec.ts';
import { validatePodUpdate } from './pod/validate-update.ts';

const specOf = (pod: Pod): PodSpec => pod.spec ?? { containers: [] };

function prepareForCreate(pod: Pod): void {
  pod.metadata.generation = 1;
  pod.status = { phase: 'Pending', qosClass: qosClass(pod) };
  if (!pod.spec?.schedulingGates?.length) return;
  const condition = { type: 'PodScheduled', status: 'False', reason: 'SchedulingGated' };
  pod.status.conditions = [{ ...condition, message: 'Scheduling is blocked due to non-empty scheduling gates' }];
}

function prepareForUpdate(pod: Pod, old: Pod): void {
  pod.status = structuredClone(old.status) ?? {};
  const changed = !same(pod.spec, old.spec);
  pod.metadata.generation = (old.metadata.generation ?? 0) + (changed ? 1 : 0);
}

/** Those who do not know observedGeneration must not clear it. */
function keepObservedGenerations(conditions: PodCondition[] | undefined, old: readonly PodCondition[] = []): void {
  for (const condition of conditions ?? []) {
    const before = old.find((each) => each.type === condition.type)?.observedGeneration;
    if (!condition.observedGeneration && before !== undefined) condition.observedGeneration = before;
  }
}

function prepareForStatusUpdate(pod: Pod, old: Pod): void {
  pod.spec = structuredClone(specOf(old));
  const { deletionTimestamp, ownerReferences, generation, deletionGracePeriodSeconds } = old.metadata;
  Object.assign(pod.metadata, { deletionTimestamp, ownerReferences, generation, deletionGracePeriodSeconds });
  pod.status ??= {};
  if (!pod.status.qosClass && old.status?.qosClass) pod.status.qosClass = old.status.qosClass;
  const observed = old.status?.observedGeneration;
  if (!pod.status.observedGeneration && observed !== undefined) pod.status.observedGeneration = observed;
  keepObservedGenerations(pod.status.conditions, old.status?.conditions);
}

function validate(pod: Pod): FieldError[] {
  const spec = specOf(pod);
  const errors = [...validateMeta(pod.metadata, true, nameIsSubdomain), ...validatePodSpec(spec, 'spec', true)];
  for (const list of ['containers', 'initContainers'] as const) {
    for (const [i, { image = '' }] of (spec[list] ?? []).entries()) {
      if (image === image.trim()) continue;
      errors.push(invalid(`spec.${list}[${i}].image`, image, 'must not have leading or trailing whitespace'));
    }
  }
  if (pod.metadata.resourceVersion === undefined && spec.ephemeralContainers?.length) {
    errors.push(forbidden('spec.ephemeralContainers', 'cannot be set on create'));
  }
  if (spec.nodeName && spec.schedulingGates?.length) {
    errors.push(forbidden('spec.nodeName', 'cannot be set until all schedulingGates have been cleared'));
  }
  return errors;
}

/** A pod that no kubelet holds, or that has ended, goes at once; others get the time asked for, or their own. */
function gracePeriodSeconds(pod: Pod, options: DeleteOptions): number {
  const ended = pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
  if (!pod.spec?.nodeName || ended) return 0;
  const period = options.gracePeriodSeconds ?? pod.spec.terminationGracePeriodSeconds ?? 0;
  return period < 0 ? 1 : period;
}

const strategy: Strategy<Pod> = {
  setDefaults: setPodDefaults,
  prepareForCreate,
  prepareForUpdate,
  prepareForStatusUpdate,
  validate,
  validateUpdate: validatePodUpdate,
  gracePeriodSeconds,
  selectableFields: {
    'spec.nodeName': (pod) => pod.spec?.nodeName ?? '',
    'spec.restartPolicy': (pod) => pod.spec?.restartPolicy ?? '',
    'spec.schedulerName': (pod) => pod.spec?.schedulerName ?? '',
    'spec.serviceAccountName': (pod) => pod.spec?.serviceAccountName ?? '',
    'spec.hostNetwork': (pod) => String(pod.spec?.hostNetwork ?? false),
    'status.phase': (pod) => pod.status?.phase ?? '',
    'status.podIP': (pod) => pod.status?.podIPs?.[0]?.ip ?? '',
    'status.nominatedNodeName': (pod) => pod.status?.nominatedNodeName ?? '',
  },
};

export const podRow: ResourceRow<Pod> = {
  type: pods,
  singular: 'pod',
  shortNames: ['po'],
  categories: ['all'],
  subresources: ['status', 'log', 'exec', 'attach', 'portforward', 'proxy', 'binding', 'eviction'],
  columns: podColumns,
  strategy,
};
