/** What a pod asks of the network besides an address. Pure. */
import type { Pod } from '../../api/types.gen.ts';
import type { PodSandboxConfig, PortMapping } from '../../runtime/contract.ts';
import { bandwidthNeeds } from './bandwidth.ts';

function portMappings({ spec }: Pod): readonly PortMapping[] {
  const all = [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])].flatMap(({ ports = [] }) => ports);
  return all.flatMap(({ hostIP = '', hostPort = 0, containerPort, protocol = 'TCP' }) =>
    hostPort === 0 ? [] : [{ hostIP, hostPort, containerPort, protocol }],
  );
}

/**
 * Nothing for a pod that asks for nothing, nor for one on the host's network: its ports are there by themselves, and its packets
 * pass no link of its own. Throws when an annotation cannot be understood.
 */
export function networkNeeds(pod: Pod): Pick<PodSandboxConfig, 'network'> {
  if (pod.spec?.hostNetwork === true) return {};
  const hostPorts = portMappings(pod);
  const network = { ...(hostPorts.length === 0 ? {} : { hostPorts }), ...bandwidthNeeds(pod.metadata.annotations) };
  return Object.keys(network).length === 0 ? {} : { network };
}
