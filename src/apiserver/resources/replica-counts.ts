/** Counts in the status of workloads. */
import type { FieldError } from '../resource.ts';
import { invalid, nonNegative } from '../validation/field-error.ts';

type Counts = Readonly<Record<string, unknown>>;

/** None is negative, and none of `parts` is more than the whole. */
export function validateReplicaCounts(status: object | undefined, parts: readonly string[]): FieldError[] {
  const counts = { ...status } as Counts;
  const of = (field: string): number => (typeof counts[field] === 'number' ? counts[field] : 0);
  const errors = ['replicas', ...parts].flatMap((field) => nonNegative(`status.${field}`, of(field)));
  for (const field of parts) {
    if (of(field) <= of('replicas')) continue;
    errors.push(invalid(`status.${field}`, of(field), 'cannot be greater than status.replicas'));
  }
  if (of('availableReplicas') > of('readyReplicas')) {
    const detail = 'cannot be greater than readyReplicas';
    errors.push(invalid('status.availableReplicas', of('availableReplicas'), detail));
  }
  return errors;
}
