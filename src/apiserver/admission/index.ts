/**
 * Admission: what every object passes on its way in, after its defaults and before its validation.
 *
 *   create, update ──► defaults, preparation ──► admit: these, in order ──► validation, allocation, store
 *   delete ──────────────────────────────────► admitDelete
 */
import type { KubeObject } from '../../api/client.ts';
import { ingresses, nodes, pods, type ResourceType } from '../../api/resources.ts';
import type { Admission, AdmissionOfDeletes, StrategyContext } from '../resource.ts';
import { mayApproveAndSign } from './certificate-approval.ts';
import { withDefaultClass } from './default-ingress-class.ts';
import { noEscalation } from './escalation.ts';
import { withinLimits } from './limit-ranges.ts';
import { namespaceMustLive, systemNamespacesStay } from './namespace-lifecycle.ts';
import { nodeRestriction, nodeRestrictionOfDeletes } from './node-restriction.ts';
import { withNotReadyTaint } from './nodes.ts';
import { withNodeLossTolerations, withPriority } from './pods.ts';
import { withRuntimeClass } from './runtime-class.ts';
import { withServiceAccount } from './service-account.ts';

/** A rule for new objects of one type, as an admission for every object. */
/** As {@link onNew}, and on each update too: who replaces a list drops what was filled in. */
function onEvery<T extends KubeObject>(
  { group, resource }: ResourceType<T>,
  rule: (object: T, context: StrategyContext) => void,
): Admission {
  return ({ type }, object, _old, context) => {
    if (type.resource === resource && type.group === group && context.subresource === '') rule(object as T, context);
  };
}

function onNew<T extends KubeObject>(
  { group, resource }: ResourceType<T>,
  rule: (object: T, context: StrategyContext) => void,
): Admission {
  return ({ type }, object, old, context) => {
    if (old !== undefined || type.resource !== resource || type.group !== group) return;
    // An object under this row is a T.
    rule(object as T, context);
  };
}

const admissions: readonly Admission[] = [
  namespaceMustLive,
  nodeRestriction,
  onNew(pods, withServiceAccount),
  onEvery(pods, withNodeLossTolerations),
  onNew(pods, withPriority),
  onNew(pods, withinLimits),
  onNew(pods, withRuntimeClass),
  onNew(nodes, withNotReadyTaint),
  onNew(ingresses, withDefaultClass),
  noEscalation,
];

const deletions: readonly AdmissionOfDeletes[] = [systemNamespacesStay, nodeRestrictionOfDeletes];

/** Of `status`, `finalize` and `approval`, which touch nothing that the others look at. */
const partAdmissions: readonly Admission[] = [nodeRestriction, mayApproveAndSign];
const parts: ReadonlySet<string> = new Set(['status', 'finalize', 'approval']);

/** Runs the admissions of a create (no `old`) or an update. Throws an ApiError to refuse. */
export const admit: Admission = (row, object, old, context) => {
  const those = parts.has(context.subresource) ? partAdmissions : admissions;
  for (const admission of those) admission(row, object, old, context);
};

/** Asks whether this object may be deleted. Throws an ApiError to refuse. */
export const admitDelete: AdmissionOfDeletes = (row, object, context) => {
  for (const admission of deletions) admission(row, object, context);
};
