/** What NetworkPolicies come to on one node, in one family: data that every back end and the tracer read. */

export type Direction = 'ingress' | 'egress';
export const directions: readonly Direction[] = ['ingress', 'egress'];

/** As numbers: names need /etc/protocols. */
export const protocolNumbers: Readonly<Record<string, number>> = { TCP: 6, UDP: 17, SCTP: 132 };

/** A range of addresses, its ends included, as numbers of the family. */
export interface AddressRange {
  readonly first: bigint;
  readonly last: bigint;
}

/** Ports of one protocol, its ends included. */
export interface PortRange {
  readonly protocol: number;
  readonly first: number;
  readonly last: number;
}

/** One address, and for named ports the one port of it. */
export interface Member {
  readonly ip: string;
  readonly port?: PortRange;
  /** `namespace/name` of whose it is. */
  readonly pod: string;
}

interface SetFacts {
  /** Kind and a hash of what it is about: a set of this name is never another one. */
  readonly name: string;
  /** For people. */
  readonly about: string;
}

/** Addresses of pods that a selector takes: they come and go. */
export interface PodSet extends SetFacts {
  readonly kind: 'pods' | 'named-ports';
  /** By address, or by address, protocol and port: see {@link memberKey}. */
  readonly members: ReadonlyMap<string, Member>;
}

export interface BlockSet extends SetFacts {
  readonly kind: 'blocks';
  /** Ascending, neither overlapping nor adjacent. */
  readonly ranges: readonly AddressRange[];
}

export interface PortSet extends SetFacts {
  readonly kind: 'ports';
  /** Ascending, neither overlapping nor adjacent. */
  readonly ranges: readonly PortRange[];
}

export type PolicySet = PodSet | BlockSet | PortSet;

/** What a packet must have to be let through: all that is named here. Nothing named: every packet. */
export interface AllowedLine {
  /** A set of the peer's address. */
  readonly peers?: string;
  /** A set of protocol and port of the destination. */
  readonly ports?: string;
  /** A set of address, protocol and port of the destination: egress only. */
  readonly namedPorts?: string;
  /** The policy that says so. */
  readonly policy: string;
}

/** How pods are isolated in one direction that the same policies select, with the same numbers of their named ports. */
export interface Profile {
  /** Direction and a hash of all that is in it. */
  readonly name: string;
  readonly direction: Direction;
  /** Keys of the policies that isolate: what none of them allows is dropped. */
  readonly policies: readonly string[];
  readonly lines: readonly AllowedLine[];
}

/** A pod of this node, in one direction. */
export interface Isolation {
  readonly pod: string;
  readonly profile: string;
}

export interface PolicyTable {
  /** By address. A pod that is not here may speak to everybody. */
  readonly isolated: Readonly<Record<Direction, ReadonlyMap<string, Isolation>>>;
  readonly profiles: ReadonlyMap<string, Profile>;
  readonly sets: ReadonlyMap<string, PolicySet>;
}

/** What may be otherwise than at the last time. What these name is looked up in the table; what is not there is gone. */
export interface PolicyChanges {
  readonly sets: ReadonlySet<string>;
  /** Members of sets that stay, by set. */
  readonly members: ReadonlyMap<string, ReadonlySet<string>>;
  readonly profiles: ReadonlySet<string>;
  readonly isolated: Readonly<Record<Direction, ReadonlySet<string>>>;
  /** Addresses of this node's pods that something may be forbidden to which was allowed: their flows are looked at. */
  readonly narrowed: ReadonlySet<string>;
}

/** The key of a member in its set. */
export function memberKey({ ip, port }: Pick<Member, 'ip' | 'port'>): string {
  return port === undefined ? ip : `${ip},${port.protocol}:${port.first}`;
}

/** Every set that a line asks. */
export function setsOf({ peers, ports, namedPorts }: AllowedLine): readonly string[] {
  return [peers, ports, namedPorts].filter((name) => name !== undefined);
}
