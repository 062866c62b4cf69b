/** All resources that namespace deletion and garbage collection go through. */
import type { KubeObject } from '../api/client.ts';
import {
  apiVersionOf,
  clusterRoleBindings,
  clusterRoles,
  configMaps,
  controllerRevisions,
  daemonSets,
  deployments,
  endpoints,
  endpointSlices,
  events,
  ingressClasses,
  ingresses,
  ipAddresses,
  leases,
  limitRanges,
  namespaces,
  networkPolicies,
  nodes,
  pods,
  podTemplates,
  replicaSets,
  replicationControllers,
  roleBindings,
  roles,
  runtimeClasses,
  secrets,
  serviceAccounts,
  serviceCIDRs,
  services,
  type ResourceType,
} from '../api/resources.ts';

export type AnyResource = ResourceType<KubeObject>;

/** Every resource of src/api/resources.ts. */
export const knownResources: readonly AnyResource[] = [
  pods,
  services,
  endpoints,
  endpointSlices,
  configMaps,
  podTemplates,
  limitRanges,
  secrets,
  serviceAccounts,
  deployments,
  replicaSets,
  replicationControllers,
  daemonSets,
  controllerRevisions,
  networkPolicies,
  ingresses,
  leases,
  events,
  roles,
  roleBindings,
  namespaces,
  nodes,
  ingressClasses,
  ipAddresses,
  serviceCIDRs,
  runtimeClasses,
  clusterRoles,
  clusterRoleBindings,
];

/** The resource an ownerReference means; undefined when it is none of ours. */
export function resourceOf(apiVersion: string, kind: string): AnyResource | undefined {
  return knownResources.find((type) => type.kind === kind && apiVersionOf(type) === apiVersion);
}

/** `deployments.apps`, `pods`: how messages name a resource. */
export function nameOf(type: AnyResource): string {
  return type.group === '' ? type.resource : `${type.resource}.${type.group}`;
}
