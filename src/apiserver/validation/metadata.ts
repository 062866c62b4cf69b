/** What holds for the metadata of every object. */
import type { FieldError } from '../resource.ts';
import type { ObjectMeta, OwnerReference } from '../../api/types.gen.ts';
import { forbidden, immutable, invalid, invalidEach, nonNegative, required, tooLong } from './field-error.ts';
import { type NameRule, labelValue, nameIsLabel, qualifiedName } from './names.ts';
import { same } from './same.ts';

/** All annotations of an object together, in bytes. */
const MAX_ANNOTATIONS = 256 * 1024;

/** Keys and values of labels, selectors, nodeSelectors. */
export function validateLabels(labels: Record<string, string> | undefined, path: string): FieldError[] {
  return Object.entries(labels ?? {}).flatMap(([key, value]) => [
    ...invalidEach(path, key, qualifiedName(key)),
    ...invalidEach(path, value, labelValue(value)),
  ]);
}

/** Keys (in any case) and the total size. */
export function validateAnnotations(annotations: Record<string, string> | undefined, path: string): FieldError[] {
  const entries = Object.entries(annotations ?? {});
  const errors = entries.flatMap(([key]) => invalidEach(path, key, qualifiedName(key.toLowerCase())));
  const size = entries.reduce((sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value), 0);
  return size > MAX_ANNOTATIONS ? [...errors, tooLong(path, MAX_ANNOTATIONS)] : errors;
}

function validateOwner(owner: OwnerReference, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (!owner.apiVersion) errors.push(invalid(`${path}.apiVersion`, owner.apiVersion, 'version must not be empty'));
  for (const field of ['kind', 'name', 'uid'] as const) {
    if (!owner[field]) errors.push(invalid(`${path}.${field}`, owner[field], 'must not be empty'));
  }
  if (owner.apiVersion === 'v1' && owner.kind === 'Event') {
    errors.push(invalid(path, owner, '/v1, Kind=Event is disallowed from being an owner'));
  }
  return errors;
}

function validateOwners(owners: readonly OwnerReference[] | undefined, path: string): FieldError[] {
  const errors = (owners ?? []).flatMap((owner) => validateOwner(owner, path));
  const [first, ...others] = (owners ?? []).filter((owner) => owner.controller === true);
  for (const other of first === undefined ? [] : others) {
    const names = `${first?.kind}/${first?.name} and ${other.kind}/${other.name}`;
    const detail = `Only one reference can have Controller set to true. Found "true" in references for ${names}`;
    errors.push(invalid(path, owners, detail));
  }
  return errors;
}

function validateFinalizers(finalizers: readonly string[] | undefined, path: string): FieldError[] {
  const errors = (finalizers ?? []).flatMap((name) => invalidEach(path, name, qualifiedName(name)));
  if (finalizers?.includes('orphan') && finalizers.includes('foregroundDeletion')) {
    errors.push(invalid(path, finalizers, 'finalizer orphan and foregroundDeletion cannot be both set'));
  }
  return errors;
}

function validateNamespaceField(meta: ObjectMeta, namespaced: boolean): FieldError[] {
  const path = 'metadata.namespace';
  if (!namespaced) return meta.namespace ? [forbidden(path, 'not allowed on this type')] : [];
  if (!meta.namespace) return [required(path)];
  return invalidEach(path, meta.namespace, nameIsLabel(meta.namespace, false));
}

/** Metadata of an object that is created or updated; the server has set the name by then. */
export function validateMeta(meta: ObjectMeta, namespaced: boolean, rule: NameRule): FieldError[] {
  const errors: FieldError[] = [];
  if (meta.generateName) {
    errors.push(...invalidEach('metadata.generateName', meta.generateName, rule(meta.generateName, true)));
  }
  if (!meta.name) errors.push(required('metadata.name', 'name or generateName is required'));
  else errors.push(...invalidEach('metadata.name', meta.name, rule(meta.name, false)));
  return [
    ...errors,
    ...validateNamespaceField(meta, namespaced),
    ...nonNegative('metadata.generation', meta.generation),
    ...validateLabels(meta.labels, 'metadata.labels'),
    ...validateAnnotations(meta.annotations, 'metadata.annotations'),
    ...validateOwners(meta.ownerReferences, 'metadata.ownerReferences'),
    ...validateFinalizers(meta.finalizers, 'metadata.finalizers'),
  ];
}

const fixed = [
  'name',
  'namespace',
  'uid',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
] as const;

/** What an update may not change. */
export function validateMetaUpdate(meta: ObjectMeta, old: ObjectMeta): FieldError[] {
  const errors: FieldError[] = [];
  const added = (meta.finalizers ?? []).filter((name) => !(old.finalizers ?? []).includes(name)).sort();
  if (old.deletionTimestamp !== undefined && added.length > 0) {
    const list = `[]string{${added.map((name) => JSON.stringify(name)).join(', ')}}`;
    const detail = `no new finalizers can be added if the object is being deleted, found new finalizers ${list}`;
    errors.push(forbidden('metadata.finalizers', detail));
  }
  if ((meta.generation ?? 0) < (old.generation ?? 0)) {
    errors.push(invalid('metadata.generation', meta.generation ?? 0, 'must not be decremented'));
  }
  for (const field of fixed) {
    if (!same(meta[field], old[field])) errors.push(immutable(`metadata.${field}`, meta[field]));
  }
  return errors;
}
