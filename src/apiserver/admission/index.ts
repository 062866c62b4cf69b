/**
 * Admission: what every object passes on its way in, after its defaults and before its validation.
 *
 *   create, update ──► admit: admissions in order ──► prepare, validate, allocate, store
 *   delete ──────────► admitDelete
 */
import { pods } from '../../api/resources.ts';
import type { Admission, AdmissionOfDeletes } from '../resource.ts';
import { namespaceMustLive, systemNamespacesStay } from './namespace-lifecycle.ts';
import { type PodRule, withNodeLossTolerations, withPriority, withServiceAccount } from './pods.ts';

/** A rule for new pods, as an admission for every object. */
function onNewPods(rule: PodRule): Admission {
  return ({ type }, object, old, context) => {
    if (old !== undefined || type.resource !== pods.resource || type.group !== pods.group) return;
    rule(object, context);
  };
}

const admissions: readonly Admission[] = [
  namespaceMustLive,
  onNewPods(withServiceAccount),
  onNewPods(withNodeLossTolerations),
  onNewPods(withPriority),
];

const deletions: readonly AdmissionOfDeletes[] = [systemNamespacesStay];

/** Runs the admissions of a create (no `old`) or an update. Throws an ApiError to refuse. */
export const admit: Admission = (row, object, old, context) => {
  for (const admission of admissions) admission(row, object, old, context);
};

/** Asks whether this object may be deleted. Throws an ApiError to refuse. */
export const admitDelete: AdmissionOfDeletes = (row, object, context) => {
  for (const admission of deletions) admission(row, object, context);
};
