/** What a packet does under NetworkPolicies: a case as data. */
import type { NetworkPolicy } from '../../../src/api/types.gen.ts';
import { serverPorts, type Party } from '../world.ts';

export type PolicyTransport = 'tcp' | 'udp' | 'sctp';

/** How a packet gets to the one who answers. */
export type Way = 'direct' | 'cluster IP' | 'node port of node-a' | 'node port of node-b';

export interface PolicyAsk {
  readonly from: Party;
  /** Who answers when nothing forbids it. */
  readonly to: Party;
  readonly protocol: PolicyTransport;
  /** Of the one who answers. */
  readonly port: number;
  readonly way: Way;
  readonly allowed: boolean;
  /** Whom the node of the answerer takes for the sender. */
  readonly seenAs: Party;
  /** In userspace mode, where what comes by a Service is from the relay of a node: what is different there. */
  readonly relayed: 'passes' | undefined;
}

export interface PolicyCase {
  readonly name: string;
  readonly policies: readonly NetworkPolicy[];
  readonly asks: readonly PolicyAsk[];
}

export interface AskOptions {
  readonly protocol?: PolicyTransport;
  readonly port?: number;
  readonly way?: Way;
  readonly seenAs?: Party;
  readonly relayed?: 'passes';
}

const usualPort = { tcp: serverPorts.tcp, udp: serverPorts.udp, sctp: serverPorts.sctp } as const;

function ask(from: Party, to: Party, allowed: boolean, options: AskOptions): PolicyAsk {
  const { protocol = 'tcp', port = usualPort[protocol], way = 'direct', seenAs = from, relayed } = options;
  return { from, to, protocol, port, way, allowed, seenAs, relayed };
}

export const passes = (from: Party, to: Party, options: AskOptions = {}): PolicyAsk => ask(from, to, true, options);
export const dropped = (from: Party, to: Party, options: AskOptions = {}): PolicyAsk => ask(from, to, false, options);
