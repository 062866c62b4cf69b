/** What is asked of rules on paper, and what they answer: the same for iptables and nftables. */

/** The first packet of a new flow. */
export interface TracedPacket {
  readonly source: string;
  readonly destination: string;
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  readonly destinationPort: number;
  /** Sent by the node itself: it starts at OUTPUT, not at PREROUTING. */
  readonly fromNode: boolean;
}

/** When a list or set of clients was told of one last: seconds by `LIST CLIENT`. */
export type ClientMemory = ReadonlyMap<string, number>;

/** One way the packet can take. */
export interface Outcome {
  readonly probability: number;
  readonly verdict: 'delivered' | 'refused' | 'dropped';
  /** After translation. */
  readonly destination: string;
  readonly destinationPort: number;
  readonly translated: boolean;
  readonly masqueraded: boolean;
  /** The chain and rule that took each step: for people. */
  readonly path: readonly string[];
  readonly memory: ClientMemory;
}

/** Where every way begins. */
export function undecided(packet: TracedPacket, memory: ClientMemory): Outcome {
  return {
    probability: 1,
    verdict: 'delivered',
    destination: packet.destination,
    destinationPort: packet.destinationPort,
    translated: false,
    masqueraded: false,
    path: [],
    memory,
  };
}
