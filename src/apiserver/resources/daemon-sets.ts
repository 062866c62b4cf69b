/** DaemonSets. */
import { daemonSets } from '../../api/resources.ts';
import type { DaemonSet, DaemonSetSpec } from '../../api/types.gen.ts';
import type { FieldError, ResourceRow, Strategy } from '../resource.ts';
import { immutable, invalid, nonNegative, notSupported, required } from '../validation/field-error.ts';
import { printLabels } from '../validation/label-selector.ts';
import { validateMeta, validateMetaUpdate } from '../validation/metadata.ts';
import { nameIsSubdomain } from '../validation/names.ts';
import { same } from '../validation/same.ts';
import { ageColumn, column, count, nameColumn, templateColumns } from './columns.ts';
import { fillEmpty, fillMissing } from './fill.ts';
import { isNone, setTemplateDefaults, validateCountOrShare, validateShare, validateWorkload } from './pod/template.ts';

/** Counts the templates: a field of the old API that clients still read. */
const TEMPLATE_GENERATION = 'deprecated.daemonset.template.generation';

const noStatus = { currentNumberScheduled: 0, numberMisscheduled: 0, desiredNumberScheduled: 0, numberReady: 0 };

function specOf(daemonSet: DaemonSet): DaemonSetSpec {
  return (daemonSet.spec ??= { selector: {}, template: {} });
}

function setDefaults(daemonSet: DaemonSet): void {
  const spec = specOf(daemonSet);
  fillMissing(spec, { revisionHistoryLimit: 10, updateStrategy: {}, template: {} });
  fillEmpty(spec.updateStrategy, { type: 'RollingUpdate' });
  if (spec.updateStrategy?.type === 'RollingUpdate') {
    fillMissing(spec.updateStrategy, { rollingUpdate: {} });
    fillMissing(spec.updateStrategy.rollingUpdate, { maxUnavailable: 1, maxSurge: 0 });
  }
  setTemplateDefaults(spec.template);
}

function setTemplateGeneration(daemonSet: DaemonSet, generation: number): void {
  daemonSet.metadata.annotations = { ...daemonSet.metadata.annotations, [TEMPLATE_GENERATION]: String(generation) };
}

function prepareForUpdate(daemonSet: DaemonSet, old: DaemonSet): void {
  daemonSet.status = structuredClone(old.status) ?? { ...noStatus };
  const templateChanged = !same(daemonSet.spec?.template, old.spec?.template);
  const before = Number(old.metadata.annotations?.[TEMPLATE_GENERATION] ?? 0);
  setTemplateGeneration(daemonSet, before + (templateChanged ? 1 : 0));
  const changed = !same(daemonSet.spec, old.spec);
  daemonSet.metadata.generation = (old.metadata.generation ?? 0) + (changed ? 1 : 0);
}

function validateStrategy({ updateStrategy }: DaemonSetSpec): FieldError[] {
  const path = 'spec.updateStrategy';
  if (updateStrategy?.type === 'OnDelete') return [];
  if (updateStrategy?.type !== 'RollingUpdate') {
    return [notSupported(`${path}.type`, updateStrategy?.type, ['RollingUpdate', 'OnDelete'])];
  }
  const { maxUnavailable, maxSurge } = updateStrategy.rollingUpdate ?? {};
  const at = `${path}.rollingUpdate`;
  const errors = [
    ...validateCountOrShare(`${at}.maxUnavailable`, maxUnavailable),
    ...validateCountOrShare(`${at}.maxSurge`, maxSurge),
    ...validateShare(`${at}.maxUnavailable`, maxUnavailable),
    ...validateShare(`${at}.maxSurge`, maxSurge),
  ];
  if (!isNone(maxUnavailable) && !isNone(maxSurge)) {
    errors.push(invalid(`${at}.maxSurge`, maxSurge, 'may not be set when maxUnavailable is non-zero'));
  }
  if (isNone(maxUnavailable) && isNone(maxSurge)) {
    errors.push(required(`${at}.maxUnavailable`, 'cannot be 0 when maxSurge is 0'));
  }
  return errors;
}

function validate(daemonSet: DaemonSet): FieldError[] {
  const spec = specOf(daemonSet);
  return [
    ...validateMeta(daemonSet.metadata, true, nameIsSubdomain),
    ...validateWorkload(spec, { selectorOf: 'daemonset', templateOf: 'DaemonSet' }),
    ...nonNegative('spec.minReadySeconds', spec.minReadySeconds),
    ...validateStrategy(spec),
    ...nonNegative('spec.revisionHistoryLimit', spec.revisionHistoryLimit),
  ];
}

const strategy: Strategy<DaemonSet> = {
  setDefaults,
  prepareForCreate: (daemonSet) => {
    daemonSet.status = { ...noStatus };
    daemonSet.metadata.generation = 1;
    setTemplateGeneration(daemonSet, 1);
  },
  prepareForUpdate,
  prepareForStatusUpdate: (daemonSet, old) => {
    daemonSet.spec = structuredClone(specOf(old));
    daemonSet.metadata.generation = old.metadata.generation ?? 0;
  },
  validate,
  validateUpdate: (daemonSet, old) => [
    ...validateMetaUpdate(daemonSet.metadata, old.metadata),
    ...(same(daemonSet.spec?.selector, old.spec?.selector)
      ? []
      : [immutable('spec.selector', daemonSet.spec?.selector)]),
  ],
};

export const daemonSetRow: ResourceRow<DaemonSet> = {
  type: daemonSets,
  singular: 'daemonset',
  shortNames: ['ds'],
  categories: ['all'],
  subresources: ['status'],
  columns: [
    nameColumn,
    count('Desired', 'Nodes that should run its pod.', ({ status }) => status?.desiredNumberScheduled),
    count('Current', 'Nodes that run its pod.', ({ status }) => status?.currentNumberScheduled),
    count('Ready', 'Nodes on which its pod is ready.', ({ status }) => status?.numberReady),
    count('Up-to-date', 'Nodes with the newest template.', ({ status }) => status?.updatedNumberScheduled),
    count(
      'Available',
      'Nodes on which its pod has been ready for long enough.',
      ({ status }) => status?.numberAvailable,
    ),
    column('Node Selector', 'Labels of the nodes it runs on.', ({ spec }) =>
      printLabels(spec?.template.spec?.nodeSelector),
    ),
    ageColumn,
    ...templateColumns('<none>'),
  ],
  strategy,
};
