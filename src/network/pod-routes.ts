/**
 * Routes to the pods of all nodes, on a machine that is no node: the control plane's, whose API server is asked for pods by
 * address (the `proxy` subresources). A node has them from its own network.
 */
import type { InformerFactory } from '../api/informer.ts';
import type { Logger } from '../api/logger.ts';
import { nodes } from '../api/resources.ts';
import { printChanges } from '../kernel/change.ts';
import { createCommitLoop, everyInterval } from '../kernel/commit-loop.ts';
import type { Exec } from '../kernel/exec.ts';
import { families } from '../kernel/family.ts';
import { readLinks, readRoutes, runIpBatch } from '../kernel/ip.ts';
import { nodePart, peersOf } from './cluster.ts';
import { routeProtocol } from './names.ts';
import { routeSteps } from './plan-node.ts';
import { byWayOfNear } from './plan-overlay.ts';

export interface PodRoutesOptions {
  readonly exec: Exec;
  readonly informers: InformerFactory;
  readonly logger: Logger;
  /** Ends following the cluster; routes stay. */
  readonly signal: AbortSignal;
  /** How often the kernel is read to see what somebody else broke. Default 30 s. */
  readonly auditIntervalMs?: number;
}

const defaultAuditIntervalMs = 30_000;

/** Follows the Nodes from their first LIST on: before it nothing is touched. */
export function startPodRoutes({ exec, informers, signal, ...options }: PodRoutesOptions): void {
  const logger = options.logger.with({ part: 'pod-routes' });
  const known = informers.informer(nodes);
  const commit = async (): Promise<void> => {
    const [links, ...there] = await Promise.all([
      readLinks(exec),
      ...families.map((family) => readRoutes(exec, family, routeProtocol)),
    ]);
    const steps = routeSteps({ peers: byWayOfNear(peersOf(known.list()), links) }, there.flat());
    const lines = steps.map(({ line }) => line);
    // One node that cannot be reached does not hold up the rest.
    const failures = await runIpBatch(exec, lines);
    const failed = new Set(failures.map(({ index }) => index));
    const written = steps.filter((_, index) => !failed.has(index));
    if (written.length > 0) logger.info('routes to pods', { plan: printChanges(written) });
    for (const { line, message } of failures) logger.warn('a route to pods cannot be set', { line, message });
  };
  const loop = createCommitLoop({ name: 'routes to pods', commit, logger, signal });
  void known.synced.then(() => {
    const stop = known.onChange(({ type, object, previous }) => {
      const same = type === 'updated' && previous !== undefined && nodePart(object) === nodePart(previous);
      if (!same) loop.request();
    });
    signal.addEventListener('abort', stop, { once: true });
    everyInterval(options.auditIntervalMs ?? defaultAuditIntervalMs, signal, async () => loop.request());
    loop.request();
  });
}
