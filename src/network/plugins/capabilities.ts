/** What a pod asks of plugins beyond a link: host ports and limits of bandwidth, in the words of CNI's conventions. Pure. */
import { quantityValue } from '../../api/quantity.ts';
import type { Pod } from '../../api/types.gen.ts';

export type CapabilityArgs = Readonly<Record<string, unknown>>;

/** What a burst may be at most: the plugin reads 32 bits with a sign. */
const unlimitedBurst = 2 ** 31 - 1;

function rate(annotations: Readonly<Record<string, string>>, direction: 'ingress' | 'egress'): CapabilityArgs {
  const text = annotations[`kubernetes.io/${direction}-bandwidth`];
  if (text === undefined) return {};
  return { [`${direction}Rate`]: quantityValue(text), [`${direction}Burst`]: unlimitedBurst };
}

/** By capability; nothing for a pod that asks for nothing. Throws when a bandwidth is no quantity. */
export function capabilityArgs(pod: Pod | undefined): CapabilityArgs {
  // Of init containers those that stay (sidecars).
  const sidecars = (pod?.spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
  const ports = [...(pod?.spec?.containers ?? []), ...sidecars].flatMap(({ ports: own }) => own ?? []);
  const portMappings = ports
    .filter(({ hostPort }) => hostPort !== undefined && hostPort > 0)
    .map(({ hostPort, containerPort, protocol = 'TCP', hostIP }) => ({
      hostPort,
      containerPort,
      protocol: protocol.toLowerCase(),
      ...(hostIP ? { hostIP } : {}),
    }));
  const annotations = pod?.metadata.annotations ?? {};
  const bandwidth = { ...rate(annotations, 'ingress'), ...rate(annotations, 'egress') };
  return {
    ...(portMappings.length === 0 ? {} : { portMappings }),
    ...(Object.keys(bandwidth).length === 0 ? {} : { bandwidth }),
  };
}
