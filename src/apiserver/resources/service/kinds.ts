/** What the type of a Service asks for. */
import type { Service, ServicePort, ServiceSpec } from '../../../api/types.gen.ts';

/** The spec, which defaulting has put there. */
export function specOf(service: Service): ServiceSpec {
  service.spec ??= {};
  return service.spec;
}

export const portsOf = (service: Service): readonly ServicePort[] => service.spec?.ports ?? [];
export const isType = (service: Service, ...types: readonly string[]): boolean =>
  types.includes(service.spec?.type ?? 'ClusterIP');

export const isHeadless = (service: Service): boolean => service.spec?.clusterIPs?.[0] === 'None';
/** All but ExternalName stand on an address of the cluster (or on `None`). */
export const needsClusterIP = (service: Service): boolean => !isType(service, 'ExternalName');

/** NodePort and LoadBalancer hold ports on the nodes; a LoadBalancer may say that it needs none. */
export const holdsNodePorts = (service: Service): boolean => isType(service, 'NodePort', 'LoadBalancer');
export const wantsNodePorts = (service: Service): boolean =>
  isType(service, 'NodePort') ||
  (isType(service, 'LoadBalancer') && service.spec?.allocateLoadBalancerNodePorts !== false);

/** Balancers that send only to nodes with endpoints ask each node for its health on a port of its own. */
export const needsHealthPort = (service: Service): boolean =>
  isType(service, 'LoadBalancer') && service.spec?.externalTrafficPolicy === 'Local';

export const isExternallyAccessible = (service: Service): boolean =>
  holdsNodePorts(service) || (isType(service, 'ClusterIP') && (service.spec?.externalIPs?.length ?? 0) > 0);
