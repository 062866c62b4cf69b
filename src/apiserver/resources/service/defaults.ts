/** What the API fills into a Service whoever writes it; what hangs on the cluster is in families.ts. */
import type { Service, ServiceSpec } from '../../../api/types.gen.ts';
import { fillEmpty, fillMissing } from '../fill.ts';
import { isExternallyAccessible, isType, specOf } from './kinds.ts';

/** Three hours. */
const AFFINITY_SECONDS = 10_800;

/** An empty list says what a missing one says, and is stored as that. */
const LISTS = ['ports', 'externalIPs', 'clusterIPs', 'ipFamilies', 'loadBalancerSourceRanges'] as const;

function setAffinityDefaults(spec: ServiceSpec): void {
  fillEmpty(spec, { sessionAffinity: 'None' });
  if (spec.sessionAffinity === 'None') delete spec.sessionAffinityConfig;
  if (spec.sessionAffinity === 'ClientIP' && spec.sessionAffinityConfig?.clientIP?.timeoutSeconds === undefined) {
    spec.sessionAffinityConfig = { clientIP: { timeoutSeconds: AFFINITY_SECONDS } };
  }
}

function setBalancerDefaults(service: Service): void {
  fillMissing(service.spec, { allocateLoadBalancerNodePorts: true });
  for (const ingress of service.status?.loadBalancer?.ingress ?? []) {
    if (ingress.ip) fillMissing(ingress, { ipMode: 'VIP' });
  }
}

export function setServiceDefaults(service: Service): void {
  const spec = specOf(service);
  for (const list of LISTS) if (spec[list]?.length === 0) delete spec[list];
  setAffinityDefaults(spec);
  fillEmpty(spec, { type: 'ClusterIP' });
  for (const port of spec.ports ?? []) fillEmpty(port, { protocol: 'TCP', targetPort: port.port });
  if (isExternallyAccessible(service)) fillEmpty(spec, { externalTrafficPolicy: 'Cluster' });
  if (isType(service, 'ClusterIP', 'NodePort', 'LoadBalancer')) fillMissing(spec, { internalTrafficPolicy: 'Cluster' });
  if (isType(service, 'ExternalName')) delete spec.internalTrafficPolicy;
  service.status ??= {};
  fillMissing(service.status, { loadBalancer: {} });
  if (isType(service, 'LoadBalancer')) setBalancerDefaults(service);
}
