/** What may change in a pod that is there: images, its deadline, more tolerations, fewer scheduling gates. */
import type { Container, Pod, PodSpec } from '../../../api/types.gen.ts';
import type { FieldError } from '../../resource.ts';
import { oneOfEachFamily, validateIP } from '../../validation/addresses.ts';
import { forbidden, immutable, invalid, required } from '../../validation/field-error.ts';
import { validateMetaUpdate } from '../../validation/metadata.ts';
import { same } from '../../validation/same.ts';
import { validateTolerationsUpdate } from './validate-scheduling.ts';

const MUTABLE = [
  '`spec.containers[*].image`',
  '`spec.initContainers[*].image`',
  '`spec.activeDeadlineSeconds`',
  '`spec.tolerations` (only additions to existing tolerations)',
  '`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
].join(',');

function validateContainerCount(spec: PodSpec, old: PodSpec): FieldError[] {
  return (['containers', 'initContainers'] as const).flatMap((field) => {
    const list: readonly Container[] = spec[field] ?? [];
    if (list.length !== (old[field] ?? []).length) {
      return [forbidden(`spec.${field}`, 'pod updates may not add or remove containers')];
    }
    return list.flatMap(({ image = '' }, i) =>
      image === image.trim()
        ? []
        : [invalid(`spec.${field}[${i}].image`, image, 'must not have leading or trailing whitespace')],
    );
  });
}

function validateDeadline(deadline: number | undefined, old: number | undefined): FieldError[] {
  const path = 'spec.activeDeadlineSeconds';
  if (old === undefined) return [];
  if (deadline === undefined) return [invalid(path, undefined, 'must not update from a positive integer to nil value')];
  return deadline > old ? [invalid(path, deadline, 'must be less than or equal to previous value')] : [];
}

const withImages = (
  containers: readonly Container[] | undefined,
  from: readonly Container[] | undefined,
): Container[] => (containers ?? []).map((container, i) => ({ ...container, image: from?.[i]?.image ?? '' }));

/** The new spec with all that may change set back to what it was. */
function withoutAllowedChanges(spec: PodSpec, old: PodSpec): PodSpec {
  const shortened = (old.terminationGracePeriodSeconds ?? 0) < 0 && spec.terminationGracePeriodSeconds === 1;
  const gated = (old.schedulingGates ?? []).length > 0;
  const added = Object.entries(old.nodeSelector ?? {}).every(([key, value]) => spec.nodeSelector?.[key] === value);
  return {
    ...spec,
    containers: withImages(spec.containers, old.containers),
    initContainers: withImages(spec.initContainers, old.initContainers),
    activeDeadlineSeconds: old.activeDeadlineSeconds,
    schedulingGates: old.schedulingGates ?? [],
    tolerations: old.tolerations ?? [],
    ...(shortened ? { terminationGracePeriodSeconds: old.terminationGracePeriodSeconds ?? 0 } : {}),
    ...(gated && added ? { nodeSelector: old.nodeSelector ?? {} } : {}),
  };
}

/** The names of the top-level fields that changed: a short answer to "what is different". */
function changedFields(spec: PodSpec, old: PodSpec): string {
  const a = new Map<string, unknown>(Object.entries(spec));
  const b = new Map<string, unknown>(Object.entries(old));
  const keys = [...new Set([...a.keys(), ...b.keys()])].sort();
  return keys
    .filter((key) => !same(a.get(key), b.get(key)))
    .map((key) => `  ${key}: ${JSON.stringify(b.get(key))} → ${JSON.stringify(a.get(key))}`)
    .join('\n');
}

function validateSpecUpdate(spec: PodSpec, old: PodSpec): FieldError[] {
  const counts = validateContainerCount(spec, old);
  if (counts.length > 0) return counts;
  const errors = [
    ...validateDeadline(spec.activeDeadlineSeconds, old.activeDeadlineSeconds),
    ...validateTolerationsUpdate(spec.tolerations, old.tolerations, 'spec.tolerations'),
  ];
  for (const [i, { name }] of (spec.schedulingGates ?? []).entries()) {
    if (old.schedulingGates?.some((gate) => gate.name === name)) continue;
    const detail = `only deletion is allowed, but found new scheduling gate '${name}'`;
    errors.push(forbidden(`spec.schedulingGates[${i}].name`, detail));
  }
  const rest = withoutAllowedChanges(spec, old);
  if (!same(rest, old)) {
    const detail = `pod updates may not change fields other than ${MUTABLE}\n${changedFields(rest, old)}`;
    errors.push(forbidden('spec', detail));
  }
  return errors;
}

function validateStatusUpdate(pod: Pod, old: Pod): FieldError[] {
  const errors: FieldError[] = [];
  const { qosClass, podIPs = [], hostIPs = [] } = pod.status ?? {};
  if (qosClass !== old.status?.qosClass) errors.push(immutable('status.qosClass', qosClass));
  for (const [field, list] of Object.entries({ podIPs, hostIPs })) {
    const addresses = list.map(({ ip }) => ip);
    addresses.forEach((address, i) => errors.push(...validateIP(`status.${field}[${i}]`, address)));
    if (!oneOfEachFamily(addresses)) {
      errors.push(invalid(`status.${field}`, list, 'may specify no more than one IP for each IP family'));
    }
  }
  const hostIP = pod.status?.hostIP ?? '';
  if (hostIPs[0] !== undefined && hostIPs[0].ip !== hostIP) {
    errors.push(invalid('status.hostIPs[0].ip', hostIPs[0].ip, 'must be equal to `hostIP`'));
  }
  pod.status?.conditions?.forEach(({ type }, i) => {
    if (!type) errors.push(required(`status.conditions[${i}].type`));
  });
  return errors;
}

/** By it a kubelet knows that the pod is made from a file of its node, and runs nothing for it. */
const mirrorAnnotation = 'kubernetes.io/config.mirror';

function validateMirror({ metadata: { annotations } }: Pod, old: Pod): FieldError[] {
  const before = old.metadata.annotations?.[mirrorAnnotation];
  if (annotations?.[mirrorAnnotation] === before) return [];
  const what = before === undefined ? 'add' : 'remove or update';
  return [forbidden(`metadata.annotations[${mirrorAnnotation}]`, `may not ${what} mirror pod annotation`)];
}

/** Update of a pod or of its status. */
export function validatePodUpdate(pod: Pod, old: Pod): FieldError[] {
  return [
    ...validateMetaUpdate(pod.metadata, old.metadata),
    ...validateMirror(pod, old),
    ...validateSpecUpdate(pod.spec ?? { containers: [] }, old.spec ?? { containers: [] }),
    ...validateStatusUpdate(pod, old),
  ];
}
