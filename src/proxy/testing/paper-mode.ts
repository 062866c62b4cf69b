/** A mode on paper: what its rules do with packets, found by reading them. One a back end; rows of `paper-modes.ts`. */
import type { Family } from '../../kernel/family.ts';
import type { BackEndSettings } from '../back-end.ts';
import type { Table } from '../model/service-port.ts';

/** The first packet of a new flow, as a node gets or sends it. */
export interface PaperPacket {
  readonly source: string;
  readonly destination: string;
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  readonly destinationPort: number;
  /** Sent by the node itself. */
  readonly fromNode: boolean;
}

/** One of the ways a packet may take. */
export interface Way {
  readonly probability: number;
  readonly verdict: 'delivered' | 'refused' | 'dropped';
  /** Where it goes after the rules. */
  readonly destination: string;
  readonly destinationPort: number;
  /** Leaves with an address of the node. */
  readonly masqueraded: boolean;
  /** What led there, for people. */
  readonly path: readonly string[];
  /** The node as it is after this packet: session affinity may remember it. */
  readonly then: PaperNode;
}

/** The rules of one family on one node, and what the kernel remembers. A value: nothing changes it. */
export interface PaperNode {
  /**
   * Every way the packet may take; probabilities add up to 1. `atSeconds` never goes back. Throws on a rule that it does not
   * understand: it never guesses.
   */
  send(packet: PaperPacket, atSeconds: number): readonly Way[];
  /** After the back end brought the kernel to another table: what is remembered of what stays is kept. */
  sync(table: Table): PaperNode;
}

export interface PaperOptions {
  readonly family: Family;
  readonly settings: BackEndSettings;
  /** Every address of the node but loopback's. */
  readonly addresses: readonly string[];
  readonly table: Table;
}

/** How a back end is put on paper. */
export type PaperMode = (options: PaperOptions) => PaperNode;
