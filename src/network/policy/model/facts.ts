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

/** On a mirror pod: the UID of the static pod that it shows. */
const mirrorAnnotation = 'kubernetes.io/config.mirror';

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
  const mirrored = annotations?.[mirrorAnnotation];
  return {
    key: `${namespace}/${name}`,
    namespace,
    uids: mirrored === undefined ? [uid] : [uid, mirrored],
    labels,
    ips: ips.filter((ip) => ip !== ''),
    ports: namedPorts(pod),
  };
}

/** What {@link podFacts} looks at, so that a large cluster fits into a small memory. */
export function keepFacts(pod: Pod): Pod {
  const { namespace, name, uid, resourceVersion, labels, annotations } = pod.metadata;
  const mirrored = annotations?.[mirrorAnnotation];
  const { hostNetwork, containers = [], initContainers } = pod.spec ?? {};
  const { phase, podIP, podIPs } = pod.status ?? {};
  const kept = ({ name: container, ports, restartPolicy }: Container): Container => ({
    name: container,
    ...(ports === undefined ? {} : { ports }),
    ...(restartPolicy === undefined ? {} : { restartPolicy }),
  });
  return dropUnset({
    metadata: dropUnset({
      namespace,
      name,
      uid,
      resourceVersion,
      labels,
      annotations: mirrored === undefined ? undefined : { [mirrorAnnotation]: mirrored },
    }),
    spec: dropUnset({
      hostNetwork,
      containers: containers.map(kept),
      initContainers: initContainers?.filter(({ restartPolicy }) => restartPolicy === 'Always').map(kept),
    }),
    status: dropUnset({ phase, podIP, podIPs }),
  });
}

type WithoutUnset<T> = { [K in keyof T]: Exclude<T[K], undefined> };

function dropUnset<T extends object>(object: T): WithoutUnset<T> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as WithoutUnset<T>;
}
