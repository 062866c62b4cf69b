/** What policies need to know of a pod. Pure. */
import type { Labels } from '../../../api/selectors.ts';
import type { Container, Pod } from '../../../api/types.gen.ts';

export interface NamedPort {
  readonly name: string;
  readonly protocol: string;
  readonly port: number;
}

/** A pod that has an address of its own. */
export interface PodFacts {
  /** `namespace/name` */
  readonly key: string;
  readonly namespace: string;
  /** Its own, and for the mirror of a static pod that of the pod it mirrors: by it the node knows which of its pods this is. */
  readonly uids: readonly string[];
  readonly labels: Labels;
  readonly ips: readonly string[];
  readonly ports: readonly NamedPort[];
}

/** The annotation by which a mirror pod names the static pod that it stands for. */
const mirrorOf = 'kubernetes.io/config.hash';

/** Containers that run as long as the pod does: those with restartPolicy Always among the init containers, too (KEP-753). */
function lastingContainers({ spec }: Pod): readonly Container[] {
  const sidecars = (spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
  return [...(spec?.containers ?? []), ...sidecars];
}

/** Named ports in the order in which a name is looked up: the first of a name and protocol counts. */
function namedPorts(pod: Pod): NamedPort[] {
  const found = new Map<string, NamedPort>();
  for (const { ports = [] } of lastingContainers(pod)) {
    for (const { name, containerPort, protocol = 'TCP' } of ports) {
      const key = `${name}/${protocol}`;
      if (name !== undefined && !found.has(key)) found.set(key, { name, protocol, port: containerPort });
    }
  }
  return [...found.values()];
}

/**
 * Undefined for a pod that policies pass by: one in the node's network, whose address is the node's, and one that ended, whose
 * address may be another pod's by now.
 */
export function podFacts(pod: Pod): PodFacts | undefined {
  const { namespace = '', name = '', uid = '', labels, annotations } = pod.metadata;
  const phase = pod.status?.phase;
  if (pod.spec?.hostNetwork === true || phase === 'Succeeded' || phase === 'Failed') return undefined;
  const { podIPs = [], podIP } = pod.status ?? {};
  const ips = podIPs.length > 0 ? podIPs.map(({ ip }) => ip) : podIP === undefined ? [] : [podIP];
  const mirrored = annotations?.[mirrorOf];
  return {
    key: `${namespace}/${name}`,
    namespace,
    uids: mirrored === undefined ? [uid] : [uid, mirrored],
    labels,
    ips: ips.filter((ip) => ip !== ''),
    ports: namedPorts(pod),
  };
}
