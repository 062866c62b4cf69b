/** What a pod asks of the network besides an address. Pure. */
import type { Pod } from '../../api/types.gen.ts';
import type { PodSandboxConfig, PortMapping } from '../../runtime/contract.ts';

/** A pod on the host's network has its ports there by itself. */
function portMappings({ spec }: Pod): readonly PortMapping[] {
  const all = [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])].flatMap(({ ports = [] }) => ports);
  return all.flatMap(({ hostIP = '', hostPort = 0, containerPort, protocol = 'TCP' }) =>
    hostPort === 0 ? [] : [{ hostIP, hostPort, containerPort, protocol }],
  );
}

/** Nothing for a pod that asks for nothing. */
export function networkNeeds(pod: Pod): Pick<PodSandboxConfig, 'network'> {
  const hostPorts = pod.spec?.hostNetwork === true ? [] : portMappings(pod);
  return hostPorts.length === 0 ? {} : { network: { hostPorts } };
}
