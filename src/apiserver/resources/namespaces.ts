/** Namespaces. */
import { namespaces } from '../../api/resources.ts';
import type { Namespace } from '../../api/types.gen.ts';
import type { FieldError, ResourceRow, Strategy } from '../resource.ts';
import { invalid, invalidEach } from '../validation/field-error.ts';
import { validateMeta, validateMetaUpdate } from '../validation/metadata.ts';
import { nameIsLabel, qualifiedName } from '../validation/names.ts';
import { ageColumn, column, nameColumn } from './columns.ts';

/** Holds a namespace in Terminating until its content is gone. */
const FINALIZER = 'kubernetes';

function setDefaults(namespace: Namespace): void {
  const { metadata } = namespace;
  // A generated name is not there yet; prepareForCreate comes back to it.
  if (metadata.name) metadata.labels = { ...metadata.labels, 'kubernetes.io/metadata.name': metadata.name };
  namespace.spec ??= {};
  namespace.status ??= {};
  namespace.status.phase ||= 'Active';
}

function prepareForCreate(namespace: Namespace): void {
  namespace.status = { phase: 'Active' };
  namespace.spec ??= {};
  const finalizers = namespace.spec.finalizers ?? [];
  namespace.spec.finalizers = finalizers.includes(FINALIZER) ? finalizers : [...finalizers, FINALIZER];
  setDefaults(namespace);
}

function prepareForUpdate(namespace: Namespace, old: Namespace): void {
  namespace.spec = structuredClone(old.spec) ?? {};
  namespace.status = structuredClone(old.status) ?? {};
}

function validate(namespace: Namespace): FieldError[] {
  const finalizers = namespace.spec?.finalizers ?? [];
  return [
    ...validateMeta(namespace.metadata, false, nameIsLabel),
    ...finalizers.flatMap((name) => {
      const errors = invalidEach('spec.finalizers', name, qualifiedName(name));
      const standard = ['kubernetes', 'orphan', 'foregroundDeletion'].includes(name) || name.includes('/');
      const detail = 'name is neither a standard finalizer name nor is it fully qualified';
      return standard ? errors : [...errors, invalid('spec.finalizers', name, detail)];
    }),
  ];
}

function validateUpdate(namespace: Namespace, old: Namespace): FieldError[] {
  const errors = validateMetaUpdate(namespace.metadata, old.metadata);
  const deleted = namespace.metadata.deletionTimestamp !== undefined;
  const phase = namespace.status?.phase;
  if (!deleted && phase !== 'Active') {
    errors.push(invalid('status.Phase', phase, "may only be 'Active' if `deletionTimestamp` is empty"));
  }
  if (deleted && phase !== 'Terminating') {
    errors.push(invalid('status.Phase', phase, "may only be 'Terminating' if `deletionTimestamp` is not empty"));
  }
  return errors;
}

const strategy: Strategy<Namespace> = {
  setDefaults,
  prepareForCreate,
  prepareForUpdate,
  prepareForStatusUpdate: (namespace, old) => {
    namespace.spec = structuredClone(old.spec) ?? {};
  },
  prepareForFinalizeUpdate: (namespace, old) => {
    namespace.status = structuredClone(old.status) ?? {};
  },
  prepareForDelete: (namespace) => {
    namespace.status = { ...namespace.status, phase: 'Terminating' };
  },
  finalizers: (namespace) => namespace.spec?.finalizers ?? [],
  validate,
  validateUpdate,
  selectableFields: {
    'status.phase': (namespace) => namespace.status?.phase ?? '',
    name: (namespace) => namespace.metadata.name ?? '',
  },
};

export const namespaceRow: ResourceRow<Namespace> = {
  type: namespaces,
  singular: 'namespace',
  shortNames: ['ns'],
  subresources: ['status', 'finalize'],
  columns: [
    nameColumn,
    column('Status', 'Active, or Terminating while its content is being deleted.', (each) => each.status?.phase),
    ageColumn,
  ],
  strategy,
};
