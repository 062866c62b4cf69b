/** Deployments. */
import { deployments } from '../../api/resources.ts';
import type { Deployment, DeploymentSpec, DeploymentStrategy } from '../../api/types.gen.ts';
import type { FieldError, ResourceRow, Strategy } from '../resource.ts';
import { forbidden, immutable, invalid, nonNegative, notSupported } from '../validation/field-error.ts';
import { validateMeta, validateMetaUpdate } from '../validation/metadata.ts';
import { nameIsSubdomain } from '../validation/names.ts';
import { same } from '../validation/same.ts';
import { ageColumn, column, nameColumn, templateColumns } from './columns.ts';
import { fillEmpty, fillMissing } from './fill.ts';
import { isNone, setTemplateDefaults, validateCountOrShare, validateShare, validateWorkload } from './pod/template.ts';
import { validateReplicaCounts } from './replica-counts.ts';

function specOf(deployment: Deployment): DeploymentSpec {
  return (deployment.spec ??= { selector: {}, template: {} });
}

function setDefaults(deployment: Deployment): void {
  const spec = specOf(deployment);
  fillMissing(spec, {
    replicas: 1,
    revisionHistoryLimit: 10,
    progressDeadlineSeconds: 600,
    strategy: {},
    template: {},
  });
  fillEmpty(spec.strategy, { type: 'RollingUpdate' });
  if (spec.strategy?.type === 'RollingUpdate') {
    fillMissing(spec.strategy, { rollingUpdate: {} });
    fillMissing(spec.strategy.rollingUpdate, { maxUnavailable: '25%', maxSurge: '25%' });
  }
  setTemplateDefaults(spec.template);
}

function validateStrategy(strategy: DeploymentStrategy | undefined): FieldError[] {
  const path = 'spec.strategy';
  const rolling = strategy?.rollingUpdate;
  if (strategy?.type === 'Recreate') {
    const detail = "may not be specified when strategy `type` is 'Recreate'";
    return rolling === undefined ? [] : [forbidden(`${path}.rollingUpdate`, detail)];
  }
  if (strategy?.type !== 'RollingUpdate') return [notSupported(path, strategy, ['Recreate', 'RollingUpdate'])];
  const unavailable = `${path}.rollingUpdate.maxUnavailable`;
  const errors = [
    ...validateCountOrShare(unavailable, rolling?.maxUnavailable),
    ...validateCountOrShare(`${path}.rollingUpdate.maxSurge`, rolling?.maxSurge),
  ];
  if (isNone(rolling?.maxUnavailable) && isNone(rolling?.maxSurge)) {
    errors.push(invalid(unavailable, rolling?.maxUnavailable, 'may not be 0 when `maxSurge` is 0'));
  }
  return [...errors, ...validateShare(unavailable, rolling?.maxUnavailable)];
}

function validate(deployment: Deployment): FieldError[] {
  const spec = specOf(deployment);
  const { progressDeadlineSeconds: deadline, minReadySeconds = 0 } = spec;
  const errors = [
    ...validateMeta(deployment.metadata, true, nameIsSubdomain),
    ...nonNegative('spec.replicas', spec.replicas),
    ...validateWorkload(spec, { selectorOf: 'deployment', templateOf: 'ReplicaSet' }),
    ...validateStrategy(spec.strategy),
    ...nonNegative('spec.minReadySeconds', minReadySeconds),
    ...nonNegative('spec.revisionHistoryLimit', spec.revisionHistoryLimit),
    ...nonNegative('spec.progressDeadlineSeconds', deadline),
  ];
  if (deadline !== undefined && deadline <= minReadySeconds) {
    errors.push(invalid('spec.progressDeadlineSeconds', deadline, 'must be greater than minReadySeconds'));
  }
  return errors;
}

function validateUpdate(deployment: Deployment, old: Deployment): FieldError[] {
  const errors = validateMetaUpdate(deployment.metadata, old.metadata);
  const { selector } = specOf(deployment);
  if (!same(selector, old.spec?.selector)) errors.push(immutable('spec.selector', selector));
  const { collisionCount = 0 } = deployment.status ?? {};
  if (collisionCount < (old.status?.collisionCount ?? 0)) {
    errors.push(invalid('status.collisionCount', collisionCount, 'cannot be decremented'));
  }
  return [
    ...errors,
    ...validateReplicaCounts(deployment.status, ['updatedReplicas', 'readyReplicas', 'availableReplicas']),
  ];
}

/** Annotations count too: they are copied to the ReplicaSets. */
function prepareForUpdate(deployment: Deployment, old: Deployment): void {
  deployment.status = structuredClone(old.status) ?? {};
  const kept = same(deployment.spec, old.spec) && same(deployment.metadata.annotations, old.metadata.annotations);
  deployment.metadata.generation = (old.metadata.generation ?? 0) + (kept ? 0 : 1);
}

const strategy: Strategy<Deployment> = {
  setDefaults,
  prepareForCreate: (deployment) => {
    deployment.status = {};
    deployment.metadata.generation = 1;
  },
  prepareForUpdate,
  prepareForStatusUpdate: (deployment, old) => {
    deployment.spec = structuredClone(specOf(old));
    deployment.metadata.labels = structuredClone(old.metadata.labels) ?? {};
    deployment.metadata.generation = old.metadata.generation ?? 0;
  },
  validate,
  validateUpdate,
};

export const deploymentRow: ResourceRow<Deployment> = {
  type: deployments,
  singular: 'deployment',
  shortNames: ['deploy'],
  categories: ['all'],
  subresources: ['status', 'scale'],
  columns: [
    nameColumn,
    column('Ready', 'Ready pods, of those wanted.', ({ spec, status }) => {
      return `${status?.readyReplicas ?? 0}/${spec?.replicas ?? 0}`;
    }),
    column('Up-to-date', 'Pods of the newest template.', ({ status }) => status?.updatedReplicas ?? 0),
    column('Available', 'Pods that have been ready for long enough.', ({ status }) => status?.availableReplicas ?? 0),
    ageColumn,
    ...templateColumns(''),
  ],
  strategy,
};
