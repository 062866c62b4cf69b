/** The endpoints of a Service, grouped by family and by the ports they serve. Pure. */
import type { Endpoint, Node, Pod, Service } from '../../api/types.gen.ts';
import { addressTypesOf, canServe, endpointOf, portsOf, type AddressType } from './endpoint-facts.ts';
import { withHints } from './hints.ts';
import { portsKey, type EndpointGroup } from './slices-plan.ts';
import { isAuto, type ZoneShares } from './topology.ts';

export interface GroupSources {
  readonly nodeOf: (name: string) => Node | undefined;
  /** Asked only when the Service's hints need it. */
  readonly shares?: () => ZoneShares;
}

/** Pods of one Service may serve different ports: a named target port is looked up in each. */
export function endpointGroups(
  service: Service,
  pods: readonly Pod[],
  { nodeOf, shares = () => undefined }: GroupSources,
): EndpointGroup[] {
  const groups = new Map<string, { ports: EndpointGroup['ports']; addressType: AddressType; endpoints: Endpoint[] }>();
  for (const addressType of addressTypesOf(service)) {
    for (const pod of pods.filter(canServe)) {
      const endpoint = endpointOf(service, pod, nodeOf(pod.spec?.nodeName ?? ''), addressType);
      if (endpoint === undefined) continue;
      const ports = portsOf(service, pod);
      const key = `${addressType} ${portsKey(ports)}`;
      const group = groups.get(key) ?? { ports, addressType, endpoints: [] };
      group.endpoints.push(endpoint);
      groups.set(key, group);
    }
  }
  const known = isAuto(service) ? shares() : undefined;
  return [...groups.values()].map((group) => ({ ...group, endpoints: withHints(service, group.endpoints, known) }));
}
