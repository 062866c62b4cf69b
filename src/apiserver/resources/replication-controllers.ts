/** ReplicationControllers: ReplicaSets with a map of labels as selector. */
import { replicationControllers } from '../../api/resources.ts';
import type { LabelSelector, ReplicationController, ReplicationControllerSpec } from '../../api/types.gen.ts';
import type { FieldError, ResourceRow, Strategy } from '../resource.ts';
import { nonNegative, required } from '../validation/field-error.ts';
import { printSelector } from '../validation/label-selector.ts';
import { validateMeta, validateMetaUpdate } from '../validation/metadata.ts';
import { nameIsSubdomain } from '../validation/names.ts';
import { same } from '../validation/same.ts';
import { ageColumn, containerColumns, count, nameColumn, wide } from './columns.ts';
import { fillMissing } from './fill.ts';
import { setTemplateDefaults, validateMatch, validateTemplate } from './pod/template.ts';
import { validateReplicaCounts } from './replica-counts.ts';

const isEmpty = (map: Readonly<Record<string, string>> | undefined): boolean => Object.keys(map ?? {}).length === 0;

/** Labels of the template stand in for a selector and for labels of its own. */
function setDefaults(controller: ReplicationController): void {
  const spec: ReplicationControllerSpec = (controller.spec ??= {});
  fillMissing(spec, { replicas: 1 });
  if (spec.template === undefined) return;
  setTemplateDefaults(spec.template);
  const { labels } = spec.template.metadata ?? {};
  if (labels === undefined) return;
  if (isEmpty(spec.selector)) spec.selector = { ...labels };
  if (isEmpty(controller.metadata.labels)) controller.metadata.labels = { ...labels };
}

const podSelector = ({ spec }: ReplicationController): LabelSelector => ({ matchLabels: spec?.selector ?? {} });

function validateTemplateOf(controller: ReplicationController): FieldError[] {
  const { selector, template } = controller.spec ?? {};
  if (template === undefined) return [required('spec.template')];
  const matched = isEmpty(selector) ? [] : validateMatch(podSelector(controller), template);
  return [...matched, ...validateTemplate(template, 'ReplicationController')];
}

function validate(controller: ReplicationController): FieldError[] {
  const { replicas, minReadySeconds, selector } = controller.spec ?? {};
  return [
    ...validateMeta(controller.metadata, true, nameIsSubdomain),
    ...nonNegative('spec.minReadySeconds', minReadySeconds),
    ...(isEmpty(selector) ? [required('spec.selector')] : []),
    ...nonNegative('spec.replicas', replicas),
    ...validateTemplateOf(controller),
  ];
}

const strategy: Strategy<ReplicationController> = {
  setDefaults,
  prepareForCreate: (controller) => {
    controller.status = { replicas: 0 };
    controller.metadata.generation = 1;
  },
  prepareForUpdate: (controller, old) => {
    controller.status = structuredClone(old.status) ?? { replicas: 0 };
    const changed = !same(controller.spec, old.spec);
    controller.metadata.generation = (old.metadata.generation ?? 0) + (changed ? 1 : 0);
  },
  prepareForStatusUpdate: (controller, old) => {
    controller.spec = structuredClone(old.spec) ?? {};
    controller.metadata.generation = old.metadata.generation ?? 0;
  },
  validate,
  validateUpdate: (controller, old) => [
    ...validateMetaUpdate(controller.metadata, old.metadata),
    ...validateReplicaCounts(controller.status, ['fullyLabeledReplicas', 'readyReplicas', 'availableReplicas']),
  ],
  selectableFields: { 'status.replicas': (controller) => String(controller.status?.replicas ?? 0) },
  podSelector,
  defaultPropagation: 'Orphan',
};

export const replicationControllerRow: ResourceRow<ReplicationController> = {
  type: replicationControllers,
  singular: 'replicationcontroller',
  shortNames: ['rc'],
  categories: ['all'],
  subresources: ['status', 'scale'],
  columns: [
    nameColumn,
    count('Desired', 'Pods wanted.', ({ spec }) => spec?.replicas),
    count('Current', 'Pods there are.', ({ status }) => status?.replicas),
    count('Ready', 'Pods that are ready.', ({ status }) => status?.readyReplicas),
    ageColumn,
    ...containerColumns,
    wide('Selector', 'Which pods belong to it.', (controller) => printSelector(podSelector(controller), '<none>')),
  ],
  strategy,
};
