/**
 * When that happened for which the endpoints of a Service change: written on them, so that a proxy can tell how long it took
 * until its rules were in place (`kubeproxy_network_programming_duration_seconds`).
 */
import { findCondition } from '../../api/conditions.ts';
import { keyOf } from '../../api/informer.ts';
import type { EndpointSlice, Pod, Service } from '../../api/types.gen.ts';

const triggerTimeAnnotation = 'endpoints.kubernetes.io/last-change-trigger-time';

/** A pod's last word: when it became ready, or stopped being so. */
const timeOf = (pod: Pod): string => findCondition(pod.status?.conditions, 'Ready')?.lastTransitionTime ?? '';

export class TriggerTimes {
  /** By Service, what was last seen of it and of its pods. */
  readonly #seen = new Map<string, { readonly service: string; readonly pods: ReadonlyMap<string, string> }>();

  /** The earliest of all that is new since the last call; undefined when nothing is, or nobody knows when. */
  since(service: Service, pods: readonly Pod[]): string | undefined {
    const key = keyOf(service);
    const before = this.#seen.get(key);
    const created = service.metadata.creationTimestamp ?? '';
    const now = new Map(pods.map((pod) => [pod.metadata.name ?? '', timeOf(pod)]));
    this.#seen.set(key, { service: created, pods: now });
    const news = [...now].filter(([name, time]) => time > (before?.pods.get(name) ?? '')).map(([, time]) => time);
    if (created > (before?.service ?? '')) news.push(created);
    return news.sort()[0];
  }

  forget(key: string): void {
    this.#seen.delete(key);
  }
}

/** The slice with that time on it; without one no older time stays. */
export function stamped(slice: EndpointSlice, time: string | undefined): EndpointSlice {
  const annotations = { ...slice.metadata.annotations };
  if (time === undefined) delete annotations[triggerTimeAnnotation];
  else annotations[triggerTimeAnnotation] = time;
  return { ...slice, metadata: { ...slice.metadata, annotations } };
}
