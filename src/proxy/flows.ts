/** Deletes the flows that a commit has made stale. */
import { deleteFlows, listFlows } from '../kernel/conntrack.ts';
import type { Exec } from '../kernel/exec.ts';
import { readLinks } from '../kernel/ip.ts';
import type { Logger } from '../api/logger.ts';
import type { ServicePort } from './model.ts';
import { datagramFrontends, mayLeaveFlows, staleFlows, type Frontends } from './plan-flows.ts';

export interface FlowKeeper {
  /** After a commit of this table. Costs nothing when no datagram Service lost or won an answerer. Rejects when conntrack failed; the next call tries again. */
  reconcile(table: readonly ServicePort[]): Promise<void>;
}

/** Remembers which table the flows were last brought in line with. */
export function createFlowKeeper(exec: Exec, clusterCIDR: string, logger: Logger): FlowKeeper {
  let previous: Frontends | undefined;
  return {
    reconcile: async (table) => {
      const frontends = datagramFrontends(table);
      if (!mayLeaveFlows(previous, frontends)) {
        previous = frontends;
        return;
      }
      const [flows, links] = await Promise.all([listFlows(exec, 'udp'), readLinks(exec)]);
      const nodeAddresses = new Set(links.flatMap(({ addresses }) => addresses.map(({ address }) => address)));
      const filters = staleFlows({ flows, frontends, previous, nodeAddresses, clusterCIDR });
      for (const filter of filters) await deleteFlows(exec, filter);
      if (filters.length > 0) logger.info('stale flows deleted', { filters: filters.length, first: filters[0] });
      previous = frontends;
    },
  };
}
