/** What the table does with a packet that opens a flow: the same that every back end must do. Pure. */
import { familyOf, parseIP } from '../../../api/addresses.ts';
import { memberKey, type AllowedLine, type Direction, type PolicyTable } from './table.ts';

/** As it is forwarded: after a Service's translation of its destination, before any masquerade of its source. */
export interface ForwardedPacket {
  readonly source: string;
  readonly destination: string;
  /** The protocol's number. */
  readonly protocol: number;
  /** Of the destination; undefined where the protocol has none. */
  readonly port?: number;
}

/** A refusal: which pod is isolated, by which policies. */
export interface Refusal {
  readonly direction: Direction;
  readonly pod: string;
  readonly policies: readonly string[];
}

const withPorts: ReadonlySet<number> = new Set([6, 17, 132]);

function isIn(
  table: PolicyTable,
  name: string,
  peer: string,
  { destination, protocol, port }: ForwardedPacket,
): boolean {
  const set = table.sets.get(name);
  if (set === undefined) throw new Error(`the table has no set ${name}`);
  const number = withPorts.has(protocol) ? port : undefined;
  switch (set.kind) {
    case 'pods':
      return set.members.has(peer);
    case 'named-ports':
      if (number === undefined) return false;
      return set.members.has(memberKey({ ip: destination, port: { protocol, first: number, last: number } }));
    case 'blocks': {
      const value = parseIP(peer)?.value;
      return value !== undefined && set.ranges.some(({ first, last }) => value >= first && value <= last);
    }
    case 'ports':
      return (
        number !== undefined &&
        set.ranges.some((one) => one.protocol === protocol && number >= one.first && number <= one.last)
      );
  }
}

function allows(table: PolicyTable, line: AllowedLine, peer: string, packet: ForwardedPacket): boolean {
  const { peers, ports, namedPorts } = line;
  return [peers, ports, namedPorts].every((name) => name === undefined || isIn(table, name, peer, packet));
}

function refusalOf(table: PolicyTable, direction: Direction, packet: ForwardedPacket): Refusal | undefined {
  const [own, peer] =
    direction === 'ingress' ? [packet.destination, packet.source] : [packet.source, packet.destination];
  const isolation = table.isolated[direction].get(own);
  // Nobody is kept from himself: that is how a pod reaches itself by its Service.
  if (isolation === undefined || own === peer) return undefined;
  const profile = table.profiles.get(isolation.profile);
  if (profile === undefined) throw new Error(`the table has no profile ${isolation.profile}`);
  if (profile.lines.some((line) => allows(table, line, peer, packet))) return undefined;
  return { direction, pod: isolation.pod, policies: profile.policies };
}

/** Undefined: it passes. Egress is asked first, as it is in the kernel. */
export function decide(table: PolicyTable, packet: ForwardedPacket): Refusal | undefined {
  if (familyOf(packet.source) !== familyOf(packet.destination)) return undefined;
  return refusalOf(table, 'egress', packet) ?? refusalOf(table, 'ingress', packet);
}
