/** Whether the rules keep up with the API, in the words of kube-proxy's /healthz (KEP-3836: a node that is to go is not eligible). */
import type { Node } from '../../api/types.gen.ts';
import type { Family } from '../../kernel/family.ts';
import { familyLabel } from '../metrics/proxy-metrics.ts';

/** A change that waits longer than this makes the proxy unhealthy. */
const lateMs = 60_000;
const toBeDeletedTaint = 'ToBeDeletedByClusterAutoscaler';

export interface ProxyHealth {
  /** A change waits to be written, in every family. */
  queued(): void;
  written(family: Family): void;
  /** False while a change waits for more than a minute. */
  isHealthy(): boolean;
  /** The body of /livez. */
  report(): Readonly<Record<string, unknown>>;
}

/** True when load balancers may go on to use this node. */
export function isEligible(node: Node | undefined): boolean {
  return (
    node !== undefined &&
    node.metadata.deletionTimestamp === undefined &&
    node.spec?.taints?.some(({ key }) => key === toBeDeletedTaint) !== true
  );
}

export function createProxyHealth(families: readonly Family[], now: () => number = Date.now): ProxyHealth {
  const writtenAt = new Map<Family, number>();
  const waitingSince = new Map<Family, number>();
  // While it starts up a proxy counts as healthy.
  const isLate = (family: Family): boolean =>
    writtenAt.has(family) && now() - (waitingSince.get(family) ?? now()) >= lateMs;
  const isHealthy = (): boolean => !families.some(isLate);
  const time = (at: number): string => new Date(at).toISOString();
  return {
    isHealthy,
    queued: () => {
      for (const family of families) if (!waitingSince.has(family)) waitingSince.set(family, now());
    },
    written: (family) => {
      waitingSince.delete(family);
      writtenAt.set(family, now());
    },
    report: () => {
      const healthy = isHealthy();
      const status = [...writtenAt].map(([family, at]) => [
        familyLabel(family),
        { lastUpdated: time(at), healthy: !isLate(family) },
      ]);
      return {
        // As kube-proxy has it: a healthy proxy with nothing to do counts as just updated.
        lastUpdated: time(healthy ? now() : Math.max(0, ...writtenAt.values())),
        currentTime: time(now()),
        healthy,
        status: Object.fromEntries(status) as unknown,
      };
    },
  };
}
