/** ReplicaSets. */
import { replicaSets } from '../../api/resources.ts';
import type { ReplicaSet, ReplicaSetSpec } from '../../api/types.gen.ts';
import type { FieldError, ResourceRow, Strategy } from '../resource.ts';
import { immutable, nonNegative } from '../validation/field-error.ts';
import { validateMeta, validateMetaUpdate } from '../validation/metadata.ts';
import { nameIsSubdomain } from '../validation/names.ts';
import { same } from '../validation/same.ts';
import { ageColumn, count, nameColumn, templateColumns } from './columns.ts';
import { fillMissing } from './fill.ts';
import { setTemplateDefaults, validateWorkload } from './pod/template.ts';
import { validateReplicaCounts } from './replica-counts.ts';

function specOf(replicaSet: ReplicaSet): ReplicaSetSpec {
  return (replicaSet.spec ??= { selector: {} });
}

function setDefaults(replicaSet: ReplicaSet): void {
  const spec = specOf(replicaSet);
  fillMissing(spec, { replicas: 1, template: {} });
  if (spec.template !== undefined) setTemplateDefaults(spec.template);
}

function validate(replicaSet: ReplicaSet): FieldError[] {
  const { replicas, minReadySeconds, selector, template = {} } = specOf(replicaSet);
  return [
    ...validateMeta(replicaSet.metadata, true, nameIsSubdomain),
    ...nonNegative('spec.replicas', replicas),
    ...nonNegative('spec.minReadySeconds', minReadySeconds),
    ...validateWorkload({ selector, template }, { selectorOf: 'deployment', templateOf: 'ReplicaSet' }),
  ];
}

function validateUpdate(replicaSet: ReplicaSet, old: ReplicaSet): FieldError[] {
  const { selector } = specOf(replicaSet);
  return [
    ...validateMetaUpdate(replicaSet.metadata, old.metadata),
    ...(same(selector, old.spec?.selector) ? [] : [immutable('spec.selector', selector)]),
    ...validateReplicaCounts(replicaSet.status, ['fullyLabeledReplicas', 'readyReplicas', 'availableReplicas']),
  ];
}

const strategy: Strategy<ReplicaSet> = {
  setDefaults,
  prepareForCreate: (replicaSet) => {
    replicaSet.status = { replicas: 0 };
    replicaSet.metadata.generation = 1;
  },
  prepareForUpdate: (replicaSet, old) => {
    replicaSet.status = structuredClone(old.status) ?? { replicas: 0 };
    const changed = !same(replicaSet.spec, old.spec);
    replicaSet.metadata.generation = (old.metadata.generation ?? 0) + (changed ? 1 : 0);
  },
  prepareForStatusUpdate: (replicaSet, old) => {
    replicaSet.spec = structuredClone(specOf(old));
    replicaSet.metadata.generation = old.metadata.generation ?? 0;
  },
  validate,
  validateUpdate,
  selectableFields: { 'status.replicas': (replicaSet) => String(replicaSet.status?.replicas ?? 0) },
};

export const replicaSetRow: ResourceRow<ReplicaSet> = {
  type: replicaSets,
  singular: 'replicaset',
  shortNames: ['rs'],
  categories: ['all'],
  subresources: ['status', 'scale'],
  columns: [
    nameColumn,
    count('Desired', 'Pods wanted.', ({ spec }) => spec?.replicas),
    count('Current', 'Pods there are.', ({ status }) => status?.replicas),
    count('Ready', 'Pods that are ready.', ({ status }) => status?.readyReplicas),
    ageColumn,
    ...templateColumns('<none>'),
  ],
  strategy,
};
