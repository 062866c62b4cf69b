/** Where a pod may run: tolerations, affinity, spreading. */
import type {
  Affinity,
  NodeSelectorTerm,
  PodAffinityTerm,
  Toleration,
  TopologySpreadConstraint,
} from '../../../api/types.gen.ts';
import type { FieldError } from '../../resource.ts';
import {
  duplicate,
  forbidden,
  invalid,
  invalidEach,
  notSupported,
  oneOf,
  required,
} from '../../validation/field-error.ts';
import { validateLabelSelector } from '../../validation/label-selector.ts';
import { labelValue, nameIsLabel, qualifiedName } from '../../validation/names.ts';
import { same } from '../../validation/same.ts';

const EFFECTS = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'];

/** The effect of a taint (must be there) or of a toleration (may be empty: all effects). */
export function validateTaintEffect(path: string, effect: string | undefined, mayBeEmpty: boolean): FieldError[] {
  return mayBeEmpty && !effect ? [] : oneOf(path, effect, EFFECTS);
}

function validateTolerationValue(toleration: Toleration, path: string): FieldError[] {
  const value = toleration.value ?? '';
  switch (toleration.operator ?? '') {
    case '':
    case 'Equal': {
      const errors = labelValue(value);
      return errors.length > 0 ? [invalid(`${path}.operator`, value, errors.join(';'))] : [];
    }
    case 'Exists':
      return value === ''
        ? []
        : [invalid(`${path}.operator`, value, "value must be empty when `operator` is 'Exists'")];
    default:
      return [notSupported(`${path}.operator`, toleration.operator, ['Equal', 'Exists'])];
  }
}

/** Keys, operators, values and effects. */
export function validateTolerations(tolerations: readonly Toleration[] | undefined, path: string): FieldError[] {
  return (tolerations ?? []).flatMap((toleration, i) => {
    const at = `${path}[${i}]`;
    const errors: FieldError[] = [];
    if (toleration.key) errors.push(...invalidEach(`${at}.key`, toleration.key, qualifiedName(toleration.key)));
    else if (toleration.operator !== 'Exists') {
      const detail = 'operator must be Exists when `key` is empty, which means "match all values and all keys"';
      errors.push(invalid(`${at}.operator`, toleration.operator ?? '', detail));
    }
    if (toleration.tolerationSeconds !== undefined && toleration.effect !== 'NoExecute') {
      const detail = "effect must be 'NoExecute' when `tolerationSeconds` is set";
      errors.push(invalid(`${at}.effect`, toleration.effect ?? '', detail));
    }
    errors.push(...validateTolerationValue(toleration, at));
    return [...errors, ...validateTaintEffect(`${at}.effect`, toleration.effect, true)];
  });
}

/** A running pod may get further tolerations, and other times for those it has. */
export function validateTolerationsUpdate(
  tolerations: readonly Toleration[] | undefined,
  old: readonly Toleration[] | undefined,
  path: string,
): FieldError[] {
  const kept = (before: Toleration): boolean =>
    (tolerations ?? []).some((after) => same({ ...before, tolerationSeconds: 0 }, { ...after, tolerationSeconds: 0 }));
  return (old ?? []).every(kept)
    ? []
    : [forbidden(path, 'existing toleration can not be modified except its tolerationSeconds')];
}

const NODE_OPERATORS = ['In', 'NotIn', 'Exists', 'DoesNotExist', 'Gt', 'Lt'];

function validateNodeTerm(term: NodeSelectorTerm, path: string): FieldError[] {
  return (term.matchExpressions ?? []).flatMap((expression, i) => {
    const at = `${path}.matchExpressions[${i}]`;
    const errors = invalidEach(`${at}.key`, expression.key, qualifiedName(expression.key));
    const values = expression.values?.length ?? 0;
    const { operator } = expression;
    if (!NODE_OPERATORS.includes(operator)) {
      errors.push(invalid(`${at}.operator`, operator, 'not a valid selector operator'));
    } else if (['In', 'NotIn'].includes(operator) && values === 0) {
      errors.push(required(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
    } else if (['Exists', 'DoesNotExist'].includes(operator) && values > 0) {
      errors.push(forbidden(`${at}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
    } else if (['Gt', 'Lt'].includes(operator) && values !== 1) {
      errors.push(required(`${at}.values`, "must be specified single value when `operator` is 'Lt' or 'Gt'"));
    }
    return errors;
  });
}

function validateNodeAffinity(affinity: NonNullable<Affinity['nodeAffinity']>, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const needed = affinity.requiredDuringSchedulingIgnoredDuringExecution;
  const neededPath = `${path}.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms`;
  if (needed !== undefined && !needed.nodeSelectorTerms?.length) {
    errors.push(required(neededPath, 'must have at least one node selector term'));
  }
  needed?.nodeSelectorTerms?.forEach((term, i) => errors.push(...validateNodeTerm(term, `${neededPath}[${i}]`)));
  for (const [i, term] of (affinity.preferredDuringSchedulingIgnoredDuringExecution ?? []).entries()) {
    const at = `${path}.preferredDuringSchedulingIgnoredDuringExecution[${i}]`;
    errors.push(
      ...validateWeight(term.weight, `${at}.weight`),
      ...validateNodeTerm(term.preference, `${at}.preference`),
    );
  }
  return errors;
}

function validateWeight(weight: number, path: string): FieldError[] {
  return weight >= 1 && weight <= 100 ? [] : [invalid(path, weight, 'must be in the range 1-100')];
}

function validatePodTerm(term: PodAffinityTerm, path: string): FieldError[] {
  return [
    ...validateLabelSelector(term.labelSelector, `${path}.labelSelector`),
    ...validateLabelSelector(term.namespaceSelector, `${path}.namespaceSelector`),
    ...(term.namespaces ?? []).flatMap((name) => invalidEach(`${path}.namespace`, name, nameIsLabel(name, false))),
    ...(term.topologyKey ? [] : [required(`${path}.topologyKey`, 'can not be empty')]),
    ...invalidEach(`${path}.topologyKey`, term.topologyKey, qualifiedName(term.topologyKey ?? '')),
  ];
}

/** Node affinity, pod affinity and anti-affinity. */
export function validateAffinity(affinity: Affinity | undefined, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (affinity?.nodeAffinity !== undefined) {
    errors.push(...validateNodeAffinity(affinity.nodeAffinity, `${path}.nodeAffinity`));
  }
  for (const kind of ['podAffinity', 'podAntiAffinity'] as const) {
    const terms = affinity?.[kind];
    terms?.requiredDuringSchedulingIgnoredDuringExecution?.forEach((term, i) => {
      const at = `${path}.${kind}.requiredDuringSchedulingIgnoredDuringExecution[${i}]`;
      errors.push(...validatePodTerm(term, at));
    });
    terms?.preferredDuringSchedulingIgnoredDuringExecution?.forEach((term, i) => {
      const at = `${path}.${kind}.preferredDuringSchedulingIgnoredDuringExecution[${i}]`;
      errors.push(...validateWeight(term.weight, `${at}.weight`));
      errors.push(...validatePodTerm(term.podAffinityTerm, `${at}.podAffinityTerm`));
    });
  }
  return errors;
}

/** Spread constraints. */
export function validateSpread(
  constraints: readonly TopologySpreadConstraint[] | undefined,
  path: string,
): FieldError[] {
  const seen = new Set<string>();
  return (constraints ?? []).flatMap((constraint, i) => {
    const at = `${path}[${i}]`;
    const errors: FieldError[] = [];
    if (constraint.maxSkew <= 0) errors.push(invalid(`${at}.maxSkew`, constraint.maxSkew, 'must be greater than zero'));
    if (!constraint.topologyKey) errors.push(required(`${at}.topologyKey`, 'can not be empty'));
    const actions = ['DoNotSchedule', 'ScheduleAnyway'];
    if (!actions.includes(constraint.whenUnsatisfiable)) {
      errors.push(notSupported(`${at}.whenUnsatisfiable`, constraint.whenUnsatisfiable, actions));
    }
    const pair = `{${constraint.topologyKey}, ${constraint.whenUnsatisfiable}}`;
    if (seen.has(pair)) errors.push(duplicate(`${at}.{topologyKey, whenUnsatisfiable}`, pair));
    seen.add(pair);
    return [...errors, ...validateLabelSelector(constraint.labelSelector, `${at}.labelSelector`)];
  });
}
