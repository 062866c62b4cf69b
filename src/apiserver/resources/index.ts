/** All resources that the server serves, as one table. */
import { createClusterAddresses } from '../allocators/cluster-addresses.ts';
import { createNodePortPool, type PortRange, parsePortRange } from '../allocators/node-ports.ts';
import type { ResourceRow } from '../resource.ts';
import { certificateSigningRequestRow } from './certificate-signing-requests.ts';
import { configMapRow } from './config-maps.ts';
import { controllerRevisionRow } from './controller-revisions.ts';
import { daemonSetRow } from './daemon-sets.ts';
import { deploymentRow } from './deployments.ts';
import { endpointSliceRow } from './endpoint-slices.ts';
import { endpointsRow } from './endpoints.ts';
import { eventRow } from './events.ts';
import { leaseRow } from './leases.ts';
import { limitRangeRow } from './limit-ranges.ts';
import { namespaceRow } from './namespaces.ts';
import { networkPolicyRow } from './network-policies.ts';
import { nodeRow } from './nodes.ts';
import { ingressClassRow } from './networking/ingress-classes.ts';
import { ingressRow } from './networking/ingresses.ts';
import { ipAddressRow } from './networking/ip-addresses.ts';
import { serviceCIDRRow } from './networking/service-cidrs.ts';
import { podTemplateRow } from './pod-templates.ts';
import { podRow } from './pods.ts';
import { clusterRoleBindingRow, roleBindingRow } from './rbac/bindings.ts';
import { clusterRoleRow, roleRow } from './rbac/roles.ts';
import { replicaSetRow } from './replica-sets.ts';
import { replicationControllerRow } from './replication-controllers.ts';
import { asRow } from './row.ts';
import { runtimeClassRow } from './runtime-classes.ts';
import { secretRow } from './secrets.ts';
import { serviceAccountRow } from './service-accounts.ts';
import { serviceRow } from './services.ts';

export interface ResourceOptions {
  /** One prefix, or one of each family with a comma between; the first is the default. */
  readonly serviceCIDR: string;
  /** `30000-32767`, or its two ends. */
  readonly nodePortRange: string | PortRange;
}

/** The rows, with pools of their own: call it once a server. Throws when an option is malformed. */
export function resourceRows({ serviceCIDR, nodePortRange }: ResourceOptions): readonly ResourceRow[] {
  const range = typeof nodePortRange === 'string' ? parsePortRange(nodePortRange) : nodePortRange;
  const pools = {
    addresses: createClusterAddresses(serviceCIDR.split(',').map((cidr) => cidr.trim())),
    ports: createNodePortPool(range),
  };
  return [
    asRow(namespaceRow),
    asRow(nodeRow),
    asRow(podRow),
    asRow(podTemplateRow),
    asRow(replicationControllerRow),
    asRow(serviceRow(pools)),
    asRow(endpointsRow),
    asRow(endpointSliceRow),
    asRow(ingressRow),
    asRow(ingressClassRow),
    asRow(ipAddressRow),
    asRow(serviceCIDRRow),
    asRow(configMapRow),
    asRow(limitRangeRow),
    asRow(secretRow),
    asRow(serviceAccountRow),
    asRow(eventRow),
    asRow(leaseRow),
    asRow(deploymentRow),
    asRow(replicaSetRow),
    asRow(daemonSetRow),
    asRow(networkPolicyRow),
    asRow(roleRow),
    asRow(roleBindingRow),
    asRow(clusterRoleRow),
    asRow(clusterRoleBindingRow),
    asRow(controllerRevisionRow),
    asRow(runtimeClassRow),
    asRow(certificateSigningRequestRow),
  ];
}
