/** Nodes. */
import { nodes } from '../../api/resources.ts';
import { findCondition } from '../../api/conditions.ts';
import type { Node } from '../../api/types.gen.ts';
import type { FieldError, ResourceRow, Strategy } from '../resource.ts';
import { oneOfEachFamily, validateCIDR } from '../validation/addresses.ts';
import { duplicate, forbidden, invalid, invalidEach } from '../validation/field-error.ts';
import { validateMeta, validateMetaUpdate } from '../validation/metadata.ts';
import { labelValue, nameIsSubdomain, qualifiedName } from '../validation/names.ts';
import { same } from '../validation/same.ts';
import { ageColumn, column, nameColumn, wide } from './columns.ts';
import { canonicalResources, validateQuantity } from './pod/resources.ts';
import { validateTaintEffect } from './pod/validate-scheduling.ts';

const ROLE_PREFIX = 'node-role.kubernetes.io/';

function statusWord(node: Node): string {
  const ready = findCondition(node.status?.conditions, 'Ready');
  const word = ready === undefined ? 'Unknown' : ready.status === 'True' ? 'Ready' : 'NotReady';
  return node.spec?.unschedulable === true ? `${word},SchedulingDisabled` : word;
}

function roles(node: Node): string {
  const found = new Set<string>();
  for (const [key, value] of Object.entries(node.metadata.labels ?? {})) {
    if (key.startsWith(ROLE_PREFIX) && key !== ROLE_PREFIX) found.add(key.slice(ROLE_PREFIX.length));
    if (key === 'kubernetes.io/role' && value !== '') found.add(value);
  }
  return [...found].sort().join(',') || '<none>';
}

function address(node: Node, type: string): string {
  return node.status?.addresses?.find((each) => each.type === type)?.address ?? '<none>';
}

function kernel(node: Node): string {
  const { kernelVersion, architecture } = node.status?.nodeInfo ?? {};
  return `${kernelVersion || '<unknown>'}${architecture ? ` (${architecture})` : ''}`;
}

/** `podCIDR` is the first of `podCIDRs`; all there is may be allocated unless said otherwise. */
function setDefaults(node: Node): void {
  node.spec ??= {};
  node.status ??= {};
  const { podCIDR, podCIDRs } = node.spec;
  if (podCIDR && !podCIDRs?.length) node.spec.podCIDRs = [podCIDR];
  if (!podCIDR && podCIDRs?.[0]) node.spec.podCIDR = podCIDRs[0];
  canonicalResources(node.status.capacity);
  canonicalResources(node.status.allocatable);
  if (node.status.allocatable === undefined && node.status.capacity !== undefined) {
    node.status.allocatable = { ...node.status.capacity };
  }
}

function validateTaints(node: Node): FieldError[] {
  const seen = new Set<string>();
  return (node.spec?.taints ?? []).flatMap((taint, i) => {
    const at = `metadata.taints[${i}]`;
    const wrongValue = labelValue(taint.value ?? '');
    const errors = [
      ...invalidEach(`${at}.key`, taint.key, qualifiedName(taint.key)),
      ...(wrongValue.length > 0 ? [invalid(`${at}.value`, taint.value, wrongValue.join(';'))] : []),
      ...validateTaintEffect(`${at}.effect`, taint.effect, false),
    ];
    const pair = `${taint.key}:${taint.effect}`;
    if (seen.has(pair)) errors.push(duplicate(at, taint, 'taints must be unique by key and effect pair'));
    seen.add(pair);
    return errors;
  });
}

function validate(node: Node): FieldError[] {
  const podCIDRs = node.spec?.podCIDRs ?? [];
  const errors = [...validateMeta(node.metadata, false, nameIsSubdomain), ...validateTaints(node)];
  for (const field of ['capacity', 'allocatable'] as const) {
    for (const [name, value] of Object.entries(node.status?.[field] ?? {})) {
      errors.push(...validateQuantity(name, value, `status.${field}.${name}`));
    }
  }
  podCIDRs.forEach((cidr, i) => errors.push(...validateCIDR(`spec.podCIDRs[${i}]`, cidr)));
  if (!oneOfEachFamily(podCIDRs.map((cidr) => cidr.split('/')[0] ?? ''))) {
    errors.push(invalid('spec.podCIDRs', podCIDRs, 'may specify no more than one CIDR for each IP family'));
  }
  return errors;
}

function validateUpdate(node: Node, old: Node): FieldError[] {
  const errors = validateMetaUpdate(node.metadata, old.metadata);
  const seen = new Set<string>();
  for (const [i, each] of (node.status?.addresses ?? []).entries()) {
    const key = `${each.type} ${each.address}`;
    if (seen.has(key)) errors.push(duplicate(`status.addresses[${i}]`, each));
    seen.add(key);
  }
  if (old.spec?.podCIDRs?.length && !same(old.spec.podCIDRs, node.spec?.podCIDRs)) {
    errors.push(forbidden('spec.podCIDRs', 'node updates may not change podCIDR except from "" to valid'));
  }
  if (old.spec?.providerID && old.spec.providerID !== node.spec?.providerID) {
    errors.push(forbidden('spec.providerID', 'node updates may not change providerID except from "" to valid'));
  }
  return errors;
}

const strategy: Strategy<Node> = {
  setDefaults,
  // A kubelet registers with its status; it is kept.
  prepareForUpdate: (node, old) => {
    node.status = structuredClone(old.status) ?? {};
  },
  prepareForStatusUpdate: (node, old) => {
    node.spec = structuredClone(old.spec) ?? {};
  },
  validate,
  validateUpdate,
  selectableFields: { 'spec.unschedulable': (node) => String(node.spec?.unschedulable ?? false) },
};

export const nodeRow: ResourceRow<Node> = {
  type: nodes,
  singular: 'node',
  shortNames: ['no'],
  subresources: ['status', 'proxy'],
  columns: [
    nameColumn,
    column('Status', 'Whether it takes pods.', statusWord),
    column('Roles', 'From its node-role.kubernetes.io labels.', roles),
    ageColumn,
    column('Version', 'Version of its kubelet.', (node) => node.status?.nodeInfo?.kubeletVersion ?? ''),
    wide('Internal-IP', 'Address inside the cluster.', (node) => address(node, 'InternalIP')),
    wide('External-IP', 'Address from outside.', (node) => address(node, 'ExternalIP')),
    wide('OS-Image', 'Operating system.', (node) => node.status?.nodeInfo?.osImage || '<unknown>'),
    wide('Kernel-Version', 'Kernel and architecture.', kernel),
    wide(
      'Container-Runtime',
      'Runtime and its version.',
      (node) => node.status?.nodeInfo?.containerRuntimeVersion || '<unknown>',
    ),
  ],
  strategy,
};
