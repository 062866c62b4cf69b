/**
 * Which flows the kernel still leads to the wrong place. A datagram flow lives as long as its sender goes on, so a rule that
 * is gone does not end it (TCP ends by itself: the far end resets it).
 */
import { contains, parseCIDR } from '../../api/addresses.ts';
import type { Flow, FlowFilter } from '../../kernel/conntrack.ts';
import type { Endpoint, ServicePort } from '../model/service-port.ts';

/** Where a datagram Service listens, and who may answer there. */
export interface Frontends {
  /** `address port` → endpoints as `address port`. */
  readonly byAddress: ReadonlyMap<string, ReadonlySet<string>>;
  /** The same by node port, for every address of the node. */
  readonly byNodePort: ReadonlyMap<number, ReadonlySet<string>>;
}

export interface StaleFlowsInput {
  readonly flows: readonly Flow[];
  readonly frontends: Frontends;
  /** Those of the table before: a Service that was deleted has left flows too. */
  readonly previous: Frontends | undefined;
  readonly nodeAddresses: ReadonlySet<string>;
  readonly clusterCIDR: string | undefined;
}

const at = (address: string, port: number): string => `${address} ${port}`;
const keysOf = (endpoints: readonly Endpoint[]): string[] => endpoints.map(({ ip, port }) => at(ip, port));

/** The UDP half of a table. */
export function datagramFrontends(table: readonly ServicePort[]): Frontends {
  const byAddress = new Map<string, Set<string>>();
  const byNodePort = new Map<number, Set<string>>();
  for (const port of table) {
    if (port.protocol !== 'udp') continue;
    // Whoever still serves may go on with the flows it has.
    const answering = new Set(keysOf(port.serving));
    for (const ip of [...port.clusterIPs, ...port.externalIPs, ...port.loadBalancerIPs])
      byAddress.set(at(ip, port.port), answering);
    if (port.nodePort !== undefined) byNodePort.set(port.nodePort, answering);
  }
  return { byAddress, byNodePort };
}

/** Whether a flow can have become stale on the way from one table to the next: somebody who answered no longer does, or somebody new does. */
export function mayLeaveFlows(previous: Frontends | undefined, next: Frontends): boolean {
  if (previous === undefined) return true;
  const differs = <K>(old: ReadonlyMap<K, ReadonlySet<string>>, now: ReadonlyMap<K, ReadonlySet<string>>): boolean =>
    [...old].some(([key, set]) => [...set].some((one) => !(now.get(key)?.has(one) ?? false))) ||
    // From none to some: a sender that came too early has a flow that was never translated.
    [...now].some(([key, set]) => set.size > 0 && (old.get(key)?.size ?? 0) === 0);
  return differs(previous.byAddress, next.byAddress) || differs(previous.byNodePort, next.byNodePort);
}

function answeringFor(
  flow: Flow,
  frontends: Frontends,
  nodeAddresses: ReadonlySet<string>,
): ReadonlySet<string> | undefined {
  const { destination, destinationPort } = flow.original;
  const exact = frontends.byAddress.get(at(destination, destinationPort));
  return exact ?? (nodeAddresses.has(destination) ? frontends.byNodePort.get(destinationPort) : undefined);
}

function isStale(flow: Flow, { frontends, previous, nodeAddresses, clusterCIDR }: StaleFlowsInput): boolean {
  const answers = at(flow.reply.source, flow.reply.sourcePort);
  const translated = flow.reply.source !== flow.original.destination;
  const now = answeringFor(flow, frontends, nodeAddresses);
  // Not translated although somebody would answer: opened before the Service had endpoints.
  if (now !== undefined) return translated ? !now.has(answers) : now.size > 0;
  if (!translated) return false;
  if (previous !== undefined) return answeringFor(flow, previous, nodeAddresses) !== undefined;
  // At start nobody remembers: an address that is no node's, translated to a pod, and no Service has it.
  return (
    clusterCIDR !== undefined &&
    contains(parseCIDR(clusterCIDR), flow.reply.source) &&
    !nodeAddresses.has(flow.original.destination)
  );
}

/** One filter for each pair of frontend and answerer that is no longer one; exactly those flows match it. */
export function staleFlows(input: StaleFlowsInput): readonly FlowFilter[] {
  const filters = new Map<string, FlowFilter>();
  for (const flow of input.flows) {
    if (flow.protocol !== 'udp' || !isStale(flow, input)) continue;
    const filter: FlowFilter = {
      protocol: 'udp',
      originalDestination: flow.original.destination,
      originalDestinationPort: flow.original.destinationPort,
      replySource: flow.reply.source,
      replySourcePort: flow.reply.sourcePort,
    };
    filters.set(Object.values(filter).join(' '), filter);
  }
  return [...filters.values()];
}
