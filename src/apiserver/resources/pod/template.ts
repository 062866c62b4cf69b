/** Pod templates of workloads. */
import { selectorFromLabelSelector } from '../../../api/selectors.ts';
import type { IntOrString, LabelSelector, PodTemplateSpec } from '../../../api/types.gen.ts';
import type { FieldError } from '../../resource.ts';
import { forbidden, invalid, invalidEach, nonNegative, notSupported, required } from '../../validation/field-error.ts';
import { validateLabelSelector } from '../../validation/label-selector.ts';
import { validateAnnotations, validateLabels } from '../../validation/metadata.ts';
import { percent } from '../../validation/names.ts';
import { setPodSpecDefaults } from './spec-defaults.ts';
import { validatePodSpec } from './validate-spec.ts';

/** Fills a template in place. */
export function setTemplateDefaults(template: PodTemplateSpec): void {
  template.metadata ??= {};
  template.spec ??= { containers: [] };
  setPodSpecDefaults(template.spec);
}

function validateSelector(selector: LabelSelector | undefined, kind: string): FieldError[] {
  if (selector === undefined) return [required('spec.selector')];
  const errors = validateLabelSelector(selector, 'spec.selector');
  const size = Object.keys(selector.matchLabels ?? {}).length + (selector.matchExpressions ?? []).length;
  return size > 0 ? errors : [...errors, invalid('spec.selector', selector, `empty selector is invalid for ${kind}`)];
}

/** Whether the workload would find the pods it makes. Decided only for a selector that is well-formed. */
export function validateMatch(selector: LabelSelector | undefined, template: PodTemplateSpec): FieldError[] {
  const labels = template.metadata?.labels ?? {};
  if (selectorFromLabelSelector(selector)(labels)) return [];
  return [invalid('spec.template.metadata.labels', labels, '`selector` does not match template `labels`')];
}

/** A template whose pods go on until somebody ends them; `owner` as in "activeDeadlineSeconds in … is not Supported". */
export function validateTemplate(template: PodTemplateSpec, owner: string): FieldError[] {
  const path = 'spec.template';
  const spec = template.spec ?? { containers: [] };
  const errors = [
    ...validateLabels(template.metadata?.labels, `${path}.labels`),
    ...validateAnnotations(template.metadata?.annotations, `${path}.annotations`),
    ...validatePodSpec(spec, `${path}.spec`, false),
  ];
  if (spec.restartPolicy !== 'Always') {
    errors.push(notSupported(`${path}.spec.restartPolicy`, spec.restartPolicy, ['Always']));
  }
  if (spec.activeDeadlineSeconds !== undefined) {
    const detail = `activeDeadlineSeconds in ${owner} is not Supported`;
    errors.push(forbidden(`${path}.spec.activeDeadlineSeconds`, detail));
  }
  return errors;
}

/** Words in which messages speak of a kind of workload. */
export interface WorkloadWords {
  /** In "empty selector is invalid for …". */
  readonly selectorOf: string;
  /** In "activeDeadlineSeconds in … is not Supported". */
  readonly templateOf: string;
}

/** The selector, the template, and that they fit. */
export function validateWorkload(
  spec: { selector?: LabelSelector; template: PodTemplateSpec },
  words: WorkloadWords,
): FieldError[] {
  const selectorErrors = validateSelector(spec.selector, words.selectorOf);
  const matched = selectorErrors.length === 0 ? validateMatch(spec.selector, spec.template) : [];
  return [...selectorErrors, ...matched, ...validateTemplate(spec.template, words.templateOf)];
}

/** A count or a share of the replicas. */
export function validateCountOrShare(path: string, value: IntOrString | undefined): FieldError[] {
  if (value === undefined) return [];
  return typeof value === 'number' ? nonNegative(path, value) : invalidEach(path, value, percent(value));
}

/** 100 % and not more. */
export function validateShare(path: string, value: IntOrString | undefined): FieldError[] {
  const share = typeof value === 'string' && /^\d+%$/.test(value) ? Number.parseInt(value, 10) : 0;
  return share > 100 ? [invalid(path, value, 'must not be greater than 100%')] : [];
}

/** `0` and `0%`. */
export const isNone = (value: IntOrString | undefined): boolean => Number.parseInt(String(value ?? 0), 10) === 0;
