/** One commit: rules of every family, and with them what depends on rules being in. */
import type { Family } from '../kernel/family.ts';
import type { DepartureBoard } from './departures.ts';
import type { DirtyKeys } from './dirty-keys.ts';
import type { FamilyProxy } from './family-proxy.ts';
import type { ProxyHealth } from './health/proxy-health.ts';
import type { ServiceHealth } from './health/service-health.ts';
import type { PendingChanges } from './metrics/pending-changes.ts';
import { familyLabel } from './metrics/proxy-metrics.ts';
import type { ProxyObjects } from './objects.ts';

export interface CommitContext {
  readonly parts: readonly { readonly family: Family; readonly proxy: FamilyProxy }[];
  readonly objects: Pick<ProxyObjects, 'servicesOfPod'>;
  readonly dirty: DirtyKeys;
  readonly pending: PendingChanges;
  readonly departures: DepartureBoard;
  readonly health: ProxyHealth;
  readonly serviceHealth: ServiceHealth;
}

/** Pods that leave are told, and load balancers get their other answer, once every family has its rules; rejects when one has not. */
export function createCommit(context: CommitContext): () => Promise<void> {
  const { parts, objects, dirty, pending, departures, health, serviceHealth } = context;
  return async () => {
    departures.forget((uid) => objects.servicesOfPod(uid).length > 0);
    const departed = departures.boarding();
    const keys = dirty.take();
    const triggered = pending.take();
    const answers = serviceHealth.update(keys);
    const commitPart = async ({ family, proxy }: CommitContext['parts'][number]): Promise<void> => {
      await proxy.commit({ dirty: keys, triggered: triggered(familyLabel(family)) });
      health.written(family);
    };
    try {
      await Promise.all(parts.map(commitPart));
    } catch (error) {
      dirty.addAll();
      throw error;
    }
    answers();
    departed();
  };
}
