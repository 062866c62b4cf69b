/** Cuts the flows that policies forbid since they were opened: a flow that conntrack knows is not looked at again by the rules. */
import type { Logger } from '../../api/logger.ts';
import { createCommitLoop } from '../../kernel/commit-loop.ts';
import { deleteFlows, listFlows, type Flow, type FlowFilter } from '../../kernel/conntrack.ts';
import type { Exec } from '../../kernel/exec.ts';
import type { Family } from '../../kernel/family.ts';
import { readLinks } from '../../kernel/ip.ts';
import { decide } from './model/decide.ts';
import type { PolicyTable } from './model/table.ts';

const protocols: Readonly<Record<string, number>> = { tcp: 6, udp: 17, sctp: 132, icmp: 1, icmpv6: 58 };

/**
 * Which flows to delete. As the rules see a flow: its source before any masquerade, its destination after a Service's
 * translation. What begins or ends at the node itself passes no rule of ours. Pure.
 */
export function forbiddenFlows(
  table: PolicyTable,
  flows: readonly Flow[],
  own: ReadonlySet<string>,
  family: Family,
): FlowFilter[] {
  const found = new Map<string, FlowFilter>();
  for (const { protocol, original, reply } of flows) {
    const number = protocols[protocol];
    if (number === undefined || own.has(original.source) || own.has(reply.source)) continue;
    const packet = {
      source: original.source,
      destination: reply.source,
      protocol: number,
      port: reply.sourcePort,
    };
    if (decide(table, packet) === undefined) continue;
    const filter: FlowFilter = {
      family,
      protocol,
      originalSource: original.source,
      originalDestination: original.destination,
      replySource: reply.source,
      ...(packet.port === 0
        ? {}
        : { originalDestinationPort: original.destinationPort, replySourcePort: reply.sourcePort }),
    };
    found.set(JSON.stringify({ ...filter, family: family.name }), filter);
  }
  return [...found.values()];
}

export interface FlowCutterOptions {
  readonly exec: Exec;
  readonly family: Family;
  readonly table: () => PolicyTable;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

export interface FlowCutter {
  /** Something is forbidden that was allowed, and the rules say so already. Never waits, never throws. */
  look(): void;
  /** Resolves when all that was asked for is done. */
  settled(): Promise<void>;
}

/** In a loop of its own, so that no commit waits for it. */
export function createFlowCutter({ exec, family, table, logger, signal }: FlowCutterOptions): FlowCutter {
  const commit = async (): Promise<void> => {
    const [flows, links] = await Promise.all([listFlows(exec, { family }), readLinks(exec)]);
    const own = new Set(links.flatMap(({ addresses }) => addresses.map(({ address }) => address)));
    const filters = forbiddenFlows(table(), flows, own, family);
    let cut = 0;
    for (const filter of filters) cut += await deleteFlows(exec, filter);
    if (cut > 0) logger.info('flows that policies forbid now were cut', { family: family.name, flows: cut });
  };
  const loop = createCommitLoop({ name: 'flows of policies', commit, logger, signal });
  return { look: () => loop.request(), settled: () => loop.settled() };
}
