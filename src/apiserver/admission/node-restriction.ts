/**
 * What nodes write, beyond what the verb and the name tell: only their own Node (without labels and taints that draw pods),
 * their own Lease, mirror pods and the status of pods on them. Others are not concerned.
 */
import type { KubeObject } from '../../api/client.ts';
import { leases, nodes, pods } from '../../api/resources.ts';
import type { Lease, Node, Pod } from '../../api/types.gen.ts';
import { nodeNameOf } from '../authz/node-identity.ts';
import { isMirrorPod, referencesOf } from '../../api/pod-references.ts';
import type { Admission, AdmissionOfDeletes, Lookup, ResourceRow, StrategyContext } from '../resource.ts';
import { forbiddenObject } from '../validation/refusal.ts';
import { same } from '../validation/same.ts';
import { labelsNotForNodes } from './node-labels.ts';

/** Why a node may not write this; undefined when it may. */
type Verdict = string | undefined;

const nodeOf = (pod: KubeObject): string => (pod as Pod).spec?.nodeName ?? '';

function ownerVerdict(pod: Pod, node: string, lookup: Lookup): Verdict {
  const [owner, ...others] = pod.metadata.ownerReferences ?? [];
  if (others.length > 0) return `node "${node}" can only create pods with a single owner reference set to itself`;
  if (owner === undefined || owner.apiVersion !== 'v1' || owner.kind !== 'Node' || owner.name !== node) {
    return `node "${node}" can only create pods with an owner reference set to itself`;
  }
  if (owner.controller !== true) {
    return `node "${node}" can only create pods with a controller owner reference set to itself`;
  }
  if (owner.blockOwnerDeletion === true) return `node "${node}" must not set blockOwnerDeletion on an owner reference`;
  const uid = lookup.get(nodes, { name: node })?.metadata.uid;
  return owner.uid === uid ? undefined : `node ${node} UID mismatch: expected ${owner.uid} got ${uid}`;
}

function referenceVerdict(pod: Pod, node: string): Verdict {
  const { secrets, configMaps, claims, serviceAccount } = referencesOf(pod);
  const found: readonly [boolean, string][] = [
    [serviceAccount !== '', 'serviceaccounts'],
    [secrets.size > 0, 'secrets'],
    [configMaps.size > 0, 'configmaps'],
    [claims.size > 0, 'persistentvolumeclaims'],
    [(pod.spec?.volumes ?? []).some(({ projected }) => projected !== undefined), 'projected volumes'],
    [(pod.spec?.resourceClaims ?? []).length > 0, 'resourceclaims'],
  ];
  const [, what] = found.find(([isThere]) => isThere) ?? [];
  return what === undefined ? undefined : `node "${node}" can not create pods that reference ${what}`;
}

function newPodVerdict(pod: Pod, node: string, lookup: Lookup): Verdict {
  if (!isMirrorPod(pod)) {
    return `pod does not have "kubernetes.io/config.mirror" annotation, node "${node}" can only create mirror pods`;
  }
  if (nodeOf(pod) !== node) return `node "${node}" can only create pods with spec.nodeName set to itself`;
  return ownerVerdict(pod, node, lookup) ?? referenceVerdict(pod, node);
}

function podVerdict(pod: Pod, old: KubeObject | undefined, node: string, context: StrategyContext): Verdict {
  const { subresource, lookup } = context;
  if (subresource === '' && old === undefined) return newPodVerdict(pod, node, lookup);
  if (subresource === '') return `unexpected operation "UPDATE", node "${node}" can only create and delete mirror pods`;
  if (subresource !== 'status' || old === undefined) {
    return `unexpected pod subresource "${subresource}", only 'status' and 'eviction' are allowed`;
  }
  if (nodeOf(old) !== node)
    return `node "${node}" can only update pod status for pods with spec.nodeName set to itself`;
  if (!same(pod.metadata.labels, old.metadata.labels)) return `node "${node}" cannot update labels through pod status`;
  const claimed = ({ status }: Pod): unknown => [status?.resourceClaimStatuses, status?.extendedResourceClaimStatus];
  return same(claimed(pod), claimed(old)) ? undefined : `node "${node}" cannot update resource claim statues`;
}

function labelVerdict({ metadata: { labels } }: Node, old: Node | undefined, node: string): Verdict {
  const wrong = labelsNotForNodes(labels, old?.metadata.labels).join(', ');
  if (wrong === '') return undefined;
  if (old !== undefined) return `is not allowed to modify labels: ${wrong}`;
  return `node "${node}" is not allowed to set the following labels: ${wrong}`;
}

function nodeVerdict(object: Node, old: Node | undefined, node: string): Verdict {
  const { name, ownerReferences } = object.metadata;
  const { configSource, taints } = object.spec ?? {};
  if (name !== node) return `node "${node}" is not allowed to modify node "${name}"`;
  if (configSource !== undefined && !same(configSource, old?.spec?.configSource)) {
    return `node "${node}" is not allowed to update configSource to a new non-nil configSource`;
  }
  if (old !== undefined && !same(taints, old.spec?.taints)) return `node "${node}" is not allowed to modify taints`;
  if (old !== undefined && !same(ownerReferences, old.metadata.ownerReferences)) {
    return `node "${node}" is not allowed to modify ownerReferences`;
  }
  return labelVerdict(object, old, node);
}

function leaseVerdict({ metadata: { namespace, name } }: Lease, node: string): Verdict {
  if (namespace !== 'kube-node-lease') return 'can only access leases in the "kube-node-lease" system namespace';
  return name === node ? undefined : 'can only access node lease with the same name as the requesting node';
}

const isOf = ({ type }: ResourceRow, { group, resource }: { group: string; resource: string }): boolean =>
  type.group === group && type.resource === resource;

function verdictOf(
  row: ResourceRow,
  object: KubeObject,
  old: KubeObject | undefined,
  [node, context]: readonly [string, StrategyContext],
): Verdict {
  if (isOf(row, pods)) return podVerdict(object, old, node, context);
  if (isOf(row, nodes)) return nodeVerdict(object, old, node);
  return isOf(row, leases) ? leaseVerdict(object, node) : undefined;
}

export const nodeRestriction: Admission = (row, object, old, context) => {
  const node = nodeNameOf(context.user);
  if (node === undefined) return;
  const why = verdictOf(row, object, old, [node, context]);
  if (why !== undefined) throw forbiddenObject(row.type, object.metadata.name ?? '', why);
};

/** Also of evictions, which delete. */
export const nodeRestrictionOfDeletes: AdmissionOfDeletes = (row, object, { user, subresource }) => {
  const node = nodeNameOf(user);
  if (node === undefined) return;
  const refuse = (why: string): never => {
    throw forbiddenObject(row.type, object.metadata.name ?? '', why);
  };
  if (isOf(row, pods) && nodeOf(object) !== node) {
    const verb = subresource === 'eviction' ? 'evict' : 'delete';
    refuse(`node "${node}" can only ${verb} pods with spec.nodeName set to itself`);
  }
  if (isOf(row, nodes)) {
    const why = nodeVerdict(object, object, node);
    if (why !== undefined) refuse(why);
  }
  if (isOf(row, leases)) {
    const why = leaseVerdict(object, node);
    if (why !== undefined) refuse(why);
  }
};
