/** What of the API's objects asks for a commit, and for which Services. */
import { keyOf } from '../api/informer.ts';
import type { Service } from '../api/types.gen.ts';
import type { CommitLoop } from '../kernel/commit-loop.ts';
import type { DepartureBoard } from './departures.ts';
import type { DirtyKeys } from './dirty-keys.ts';
import { losesEndpoint } from './lost-endpoints.ts';
import type { ProxyHealth } from './health/proxy-health.ts';
import type { PendingChanges } from './metrics/pending-changes.ts';
import { serviceKeyOf } from './model/service-ports.ts';
import type { ProxyObjects } from './objects.ts';

export interface FollowOptions {
  readonly objects: ProxyObjects;
  readonly dirty: DirtyKeys;
  readonly departures: DepartureBoard;
  readonly pending: PendingChanges;
  readonly health: Pick<ProxyHealth, 'queued'>;
  readonly loop: CommitLoop;
  readonly signal: AbortSignal;
}

/** What of a Service the rules depend on. */
function servicePart(service: Service): string {
  return JSON.stringify([keyOf(service), service.spec, service.metadata.labels, service.status?.loadBalancer]);
}

/** Until the signal; asks for a first commit at once. */
export function follow({ objects, dirty, departures, pending, health, loop, signal }: FollowOptions): void {
  const request = (options?: { readonly urgent: boolean }): void => {
    health.queued();
    loop.request(options);
  };
  let zone = objects.whereabouts().zone;
  const stops = [
    objects.serviceInformer.onChange(({ type, object, previous }) => {
      if (type === 'updated' && previous !== undefined && servicePart(object) === servicePart(previous)) return;
      pending.service();
      dirty.add(keyOf(object));
      request();
    }),
    objects.sliceInformer.onChange((change) => {
      pending.slice(change);
      for (const slice of [change.object, change.previous]) {
        const key = slice === undefined ? undefined : serviceKeyOf(slice);
        if (key !== undefined) dirty.add(key);
      }
      request({ urgent: losesEndpoint(change) });
    }),
    objects.nodeInformer.onChange(() => {
      const now = objects.whereabouts().zone;
      if (now === zone) return;
      zone = now;
      dirty.addAll();
      request();
    }),
  ];
  signal.addEventListener('abort', () => stops.forEach((stop) => stop()), { once: true });
  departures.onRequest((podUid) => {
    for (const key of objects.servicesOfPod(podUid)) dirty.add(key);
    request({ urgent: true });
  });
  request();
}
