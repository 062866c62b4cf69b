/** Nothing is made in a namespace that is not there or on its way out, and the three system namespaces stay. */
import { namespaces } from '../../api/resources.ts';
import type { Admission, AdmissionOfDeletes } from '../resource.ts';
import { forbiddenObject, objectNotFound } from '../validation/refusal.ts';

const IMMORTAL = ['default', 'kube-system', 'kube-public'];

/** 404 without the namespace; 403 for what is created in one that is Terminating. */
export const namespaceMustLive: Admission = ({ type }, object, old, { lookup }) => {
  const name = object.metadata.namespace ?? '';
  if (!type.namespaced) return;
  const namespace = lookup.get(namespaces, { name });
  if (namespace === undefined) throw objectNotFound(namespaces, name);
  if (old !== undefined || namespace.status?.phase !== 'Terminating') return;
  const cause = {
    reason: 'NamespaceTerminating',
    message: `namespace ${name} is being terminated`,
    field: 'metadata.namespace',
  };
  const why = `unable to create new content in namespace ${name} because it is being terminated`;
  throw forbiddenObject(type, object.metadata.name ?? object.metadata.generateName ?? '', why, [cause]);
};

/** 403 for the namespaces that the cluster cannot do without. */
export const systemNamespacesStay: AdmissionOfDeletes = ({ type }, object) => {
  const name = object.metadata.name ?? '';
  if (type.group !== namespaces.group || type.resource !== namespaces.resource || !IMMORTAL.includes(name)) return;
  throw forbiddenObject(namespaces, name, 'this namespace may not be deleted');
};
