/**
 * A change of a Service, read as its author meant it: values the server had filled in and the author did not touch follow
 * the type (they go when the new type has no use for them, and stay when the author left them out).
 */
import type { Service } from '../../../api/types.gen.ts';
import { fillEmpty } from '../fill.ts';
import { same } from '../../validation/same.ts';
import { sameClusterIPs } from './families.ts';
import {
  holdsNodePorts,
  isExternallyAccessible,
  isType,
  needsClusterIP,
  needsHealthPort,
  portsOf,
  specOf,
  wantsNodePorts,
} from './kinds.ts';

const nodePortsOf = (service: Service): Set<number> =>
  new Set(portsOf(service).flatMap(({ nodePort }) => (nodePort ? [nodePort] : [])));

function dropClusterIP(service: Service, old: Service): void {
  const spec = specOf(service);
  if (!needsClusterIP(old) || needsClusterIP(service)) return;
  if (sameClusterIPs(service, old)) {
    delete spec.clusterIP;
    delete spec.clusterIPs;
  }
  if (same(spec.ipFamilies, old.spec?.ipFamilies)) delete spec.ipFamilies;
  if (spec.ipFamilyPolicy === old.spec?.ipFamilyPolicy) delete spec.ipFamilyPolicy;
}

function dropPorts(service: Service, old: Service): void {
  const spec = specOf(service);
  if (holdsNodePorts(old) && !holdsNodePorts(service) && nodePortsOf(service).isSubsetOf(nodePortsOf(old))) {
    for (const port of spec.ports ?? []) delete port.nodePort;
  }
}

type Field = 'healthCheckNodePort' | 'allocateLoadBalancerNodePorts' | 'loadBalancerClass' | 'externalTrafficPolicy';

/** Fields that some types have, and which. */
const fieldsOfTypes: readonly { readonly field: Field; readonly has: (service: Service) => boolean }[] = [
  { field: 'healthCheckNodePort', has: needsHealthPort },
  { field: 'allocateLoadBalancerNodePorts', has: (service) => isType(service, 'LoadBalancer') },
  { field: 'loadBalancerClass', has: (service) => isType(service, 'LoadBalancer') },
  { field: 'externalTrafficPolicy', has: isExternallyAccessible },
];

/** Clears what the new type has no use for, unless the author changed it as well. */
export function dropWhatTypeDoesNotUse(service: Service, old: Service): void {
  const spec = specOf(service);
  dropClusterIP(service, old);
  dropPorts(service, old);
  const unused = fieldsOfTypes.filter(({ has }) => has(old) && !has(service)).map(({ field }) => field);
  for (const field of unused) if (spec[field] === old.spec?.[field]) delete spec[field];
  if (service.status !== undefined && !isType(service, 'LoadBalancer')) service.status.loadBalancer = {};
}

function keepNodePorts(service: Service, old: Service): void {
  const inUse = nodePortsOf(service);
  const before = new Map(portsOf(old).map((port) => [port.name ?? '', port.nodePort]));
  for (const port of specOf(service).ports ?? []) {
    const nodePort = before.get(port.name ?? '');
    if (!port.nodePort && nodePort && !inUse.has(nodePort)) port.nodePort = nodePort;
  }
}

/** What the server once chose and the author left out stays as it is. */
export function keepAllocated(service: Service, old: Service): void {
  const spec = specOf(service);
  const { clusterIP, clusterIPs, healthCheckNodePort } = specOf(old);
  if (needsClusterIP(old) && needsClusterIP(service)) {
    fillEmpty(spec, { clusterIP });
    if (!spec.clusterIPs?.length && clusterIPs !== undefined) spec.clusterIPs = [...clusterIPs];
  }
  if (wantsNodePorts(old) && wantsNodePorts(service)) keepNodePorts(service, old);
  if (needsHealthPort(old) && needsHealthPort(service)) fillEmpty(spec, { healthCheckNodePort });
}
