/** Label selectors of workloads: what they may hold, and how `kubectl get -o wide` prints them. */
import type { LabelSelector } from '../../api/types.gen.ts';
import type { FieldError } from '../resource.ts';
import { forbidden, invalid, invalidEach, required } from './field-error.ts';
import { validateLabels } from './metadata.ts';
import { labelValue, qualifiedName } from './names.ts';

type Requirement = NonNullable<LabelSelector['matchExpressions']>[number];

function validateRequirement(requirement: Requirement, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const values = requirement.values ?? [];
  if (requirement.operator === 'In' || requirement.operator === 'NotIn') {
    if (values.length === 0)
      errors.push(required(`${path}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
  } else if (requirement.operator === 'Exists' || requirement.operator === 'DoesNotExist') {
    if (values.length > 0) {
      errors.push(forbidden(`${path}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
    }
  } else {
    errors.push(invalid(`${path}.operator`, requirement.operator, 'not a valid selector operator'));
  }
  errors.push(...invalidEach(`${path}.key`, requirement.key, qualifiedName(requirement.key)));
  values.forEach((value, i) => errors.push(...invalidEach(`${path}.values[${i}]`, value, labelValue(value))));
  return errors;
}

/** Keys, values and operators of a selector. */
export function validateLabelSelector(selector: LabelSelector | undefined, path: string): FieldError[] {
  return [
    ...validateLabels(selector?.matchLabels, `${path}.matchLabels`),
    ...(selector?.matchExpressions ?? []).flatMap((requirement, i) =>
      validateRequirement(requirement, `${path}.matchExpressions[${i}]`),
    ),
  ];
}

/** `a=b,c=d`, sorted by key; `<none>` when there are none. */
export function printLabels(labels: Record<string, string> | undefined): string {
  const pairs = Object.entries(labels ?? {}).map(([key, value]) => `${key}=${value}`);
  return pairs.length === 0 ? '<none>' : pairs.sort().join(',');
}

function printRequirement(requirement: Requirement): string {
  const values = [...(requirement.values ?? [])].sort().join(',');
  switch (requirement.operator) {
    case 'In':
      return `${requirement.key} in (${values})`;
    case 'NotIn':
      return `${requirement.key} notin (${values})`;
    case 'DoesNotExist':
      return `!${requirement.key}`;
    default:
      return requirement.key;
  }
}

/** A selector in the form that `kubectl get -l` takes. */
export function printSelector(selector: LabelSelector | undefined, none = '<none>'): string {
  const parts = [
    ...Object.entries(selector?.matchLabels ?? {}).map(([key, value]) => ({ key, text: `${key}=${value}` })),
    ...(selector?.matchExpressions ?? []).map((r) => ({ key: r.key, text: printRequirement(r) })),
  ];
  parts.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  return parts.length === 0 ? none : parts.map((part) => part.text).join(',');
}
