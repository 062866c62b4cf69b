/**
 * Which flows the kernel still leads to the wrong place. A datagram flow lives as long as its sender goes on, so a rule that
 * is gone does not end it; a TCP flow that nobody has answered is asked for again for two minutes, at the same dead address.
 */
import { contains, parseCIDR } from '../../api/addresses.ts';
import type { Flow, FlowFilter } from '../../kernel/conntrack.ts';
import { possibleKeys, type FrontendKey, type FrontendTable } from './frontends.ts';

export interface StaleFlowsInput {
  /** UDP ones, and TCP ones that nobody has answered. */
  readonly flows: readonly Flow[];
  readonly frontends: FrontendTable;
  /** Where a Service of this process listened and may not listen any more. */
  readonly left: ReadonlySet<FrontendKey>;
  /** Nobody remembers what was before: this process has just started. */
  readonly atStart: boolean;
  /** Addresses of this node that node ports listen on. */
  readonly nodeAddresses: ReadonlySet<string>;
  readonly clusterCIDR: string | undefined;
}

function isStale(flow: Flow, input: StaleFlowsInput): boolean {
  const { frontends, left, atStart, nodeAddresses, clusterCIDR } = input;
  const { original, reply, protocol } = flow;
  const translated = reply.source !== original.destination || reply.sourcePort !== original.destinationPort;
  const isNode = nodeAddresses.has(original.destination);
  const key = frontends.keyOf(protocol, original, isNode);
  // Not translated although somebody would answer: opened before the Service had endpoints.
  if (key !== undefined)
    return translated ? !frontends.answers(key, reply.source, reply.sourcePort) : frontends.isServed(key);
  if (!translated) return false;
  if (possibleKeys(protocol, original, isNode).some((one) => left.has(one))) return true;
  // Another program may translate a port of the node, but nobody else a foreign address to a pod.
  return atStart && !isNode && clusterCIDR !== undefined && contains(parseCIDR(clusterCIDR), reply.source);
}

/** One filter for each pair of frontend and answerer that is no longer one; exactly those flows match it. */
export function staleFlows(input: StaleFlowsInput): readonly FlowFilter[] {
  const filters = new Map<string, FlowFilter>();
  for (const flow of input.flows) {
    if (!isStale(flow, input)) continue;
    const filter: FlowFilter = {
      protocol: flow.protocol,
      // Answered meanwhile, it is a connection that closes by itself and in order.
      ...(flow.protocol === 'tcp' ? { state: 'SYN_SENT' as const } : {}),
      originalDestination: flow.original.destination,
      originalDestinationPort: flow.original.destinationPort,
      replySource: flow.reply.source,
      replySourcePort: flow.reply.sourcePort,
    };
    filters.set(Object.values(filter).join(' '), filter);
  }
  return [...filters.values()];
}
