/** Which pods belong to a Service, and which Services care about a change of a pod. */
import { findCondition } from '../../api/conditions.ts';
import { keyOf, type Change, type Informer } from '../../api/informer.ts';
import type { Node, Pod, Service } from '../../api/types.gen.ts';
import { hasEnded } from '../pod-state.ts';
import { semanticEqual } from '../semantic-equal.ts';
import { isAuto, shareOf, zoneOf } from './topology.ts';

/** Services whose endpoints are somebody else's work (no selector, ExternalName) have none that we keep. */
export function isSelecting(service: Service): boolean {
  return service.spec?.type !== 'ExternalName' && Object.keys(service.spec?.selector ?? {}).length > 0;
}

/** Whether the Service's selector picks these labels. An empty selector picks nothing. */
export function selects(service: Service, labels: Record<string, string> | undefined): boolean {
  const wanted = Object.entries(service.spec?.selector ?? {});
  return wanted.length > 0 && wanted.every(([key, value]) => labels?.[key] === value);
}

/** All that endpoints tell about a pod. */
function facts(pod: Pod): unknown {
  return [
    pod.status?.podIP,
    pod.status?.podIPs,
    findCondition(pod.status?.conditions, 'Ready')?.status === 'True',
    pod.metadata.deletionTimestamp !== undefined,
    pod.spec?.nodeName,
    pod.spec?.hostname,
    pod.spec?.subdomain,
    hasEnded(pod),
  ];
}

/** Keys of the Services for which this change of a pod means other endpoints. */
export function servicesOf(change: Change<Pod>, services: readonly Service[]): string[] {
  const { object, previous } = change;
  const touched = change.type !== 'updated' || previous === undefined || !semanticEqual(facts(previous), facts(object));
  return services
    .filter((service) => {
      const now = selects(service, object.metadata.labels);
      const before = previous !== undefined && selects(service, previous.metadata.labels);
      return touched ? now || before : now !== before;
    })
    .map((service) => keyOf(service));
}

/** What a controller of endpoints looks at; its informers carry the indexes named here. */
export interface EndpointSources {
  /** Index `namespace`. */
  readonly services: Informer<Service>;
  /** Indexes `namespace` and `node`. */
  readonly pods: Informer<Pod>;
  readonly nodes: Informer<Node>;
}

/** Calls `add` with the key of each Service whose endpoints may have to change. */
export function watchSources(sources: EndpointSources, add: (key: string) => void): void {
  const servicesIn = (pod: Pod): readonly Service[] =>
    sources.services.byIndex('namespace', pod.metadata.namespace ?? '').filter(isSelecting);
  sources.services.onChange(({ object }) => add(keyOf(object)));
  sources.pods.onChange((change) => servicesOf(change, servicesIn(change.object)).forEach(add));
  sources.nodes.onChange(({ object, previous }) => {
    if (shareOf(object) !== shareOf(previous)) {
      for (const service of sources.services.list()) if (isAuto(service)) add(keyOf(service));
    }
    if (zoneOf(object) === zoneOf(previous)) return;
    for (const pod of sources.pods.byIndex('node', object.metadata.name ?? '')) {
      servicesOf({ type: 'added', object: pod }, servicesIn(pod)).forEach(add);
    }
  });
}

/** Pods that the Service selects. */
export function podsOf(sources: EndpointSources, service: Service): Pod[] {
  return sources.pods
    .byIndex('namespace', service.metadata.namespace ?? '')
    .filter((pod) => selects(service, pod.metadata.labels));
}
