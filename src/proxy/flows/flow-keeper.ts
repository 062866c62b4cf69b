/** Deletes the flows that a commit has made stale. */
import type { Logger } from '../../api/logger.ts';
import { deleteFlows, listFlows } from '../../kernel/conntrack.ts';
import type { Exec } from '../../kernel/exec.ts';
import type { Family } from '../../kernel/family.ts';
import { readLinks } from '../../kernel/ip.ts';
import type { Wanted } from '../back-end.ts';
import { portsOf } from '../model/service-port.ts';
import { datagramFrontends, mayLeaveFlows, staleFlows, type Frontends } from './plan-flows.ts';

export interface FlowKeeper {
  /** After a commit. Costs nothing when no datagram Service lost or won an answerer. Rejects when conntrack failed; the next call tries again. */
  reconcile(wanted: Wanted): Promise<void>;
}

export interface FlowKeeperOptions {
  readonly exec: Exec;
  readonly family: Family;
  readonly clusterCIDR: string | undefined;
  readonly logger: Logger;
}

/** Remembers which table the flows were last brought in line with. */
export function createFlowKeeper({ exec, family, clusterCIDR, logger }: FlowKeeperOptions): FlowKeeper {
  let previous: Frontends | undefined;
  return {
    reconcile: async ({ table, changes }) => {
      const hasDatagrams = changes?.some(({ before, after }) =>
        [...before, ...after].some((one) => one.protocol === 'udp'),
      );
      if (previous !== undefined && hasDatagrams === false) return;
      const frontends = datagramFrontends(portsOf(table));
      if (!mayLeaveFlows(previous, frontends)) {
        previous = frontends;
        return;
      }
      const [flows, links] = await Promise.all([listFlows(exec, { family, protocol: 'udp' }), readLinks(exec)]);
      const nodeAddresses = new Set(links.flatMap(({ addresses }) => addresses.map(({ address }) => address)));
      const filters = staleFlows({ flows, frontends, previous, nodeAddresses, clusterCIDR });
      for (const filter of filters) await deleteFlows(exec, { ...filter, family });
      if (filters.length > 0) logger.info('stale flows deleted', { filters: filters.length, first: filters[0] });
      previous = frontends;
    },
  };
}
