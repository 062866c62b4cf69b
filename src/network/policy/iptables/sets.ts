/** The sets of the iptables back end: what ipset shall hold, and the way there. Pure. */
import { formatCIDR } from '../../../api/addresses.ts';
import type { Change } from '../../../kernel/change.ts';
import type { Family } from '../../../kernel/family.ts';
import type { IpSet } from '../../../kernel/ipset.ts';
import { prefixesOf } from '../model/ranges.ts';
import { directions, type Direction, type Member, type PolicySet, type PolicyTable } from '../model/table.ts';
import { droppedSet, isFilledByPackets, isolatedSet, ownsSet, setName } from './names.ts';

interface WantedSet {
  readonly type: string;
  readonly options: string;
  readonly members: Map<string, string>;
}

const inetOf = ({ version }: Family): string => (version === 4 ? 'inet' : 'inet6');
const kept = (family: Family): string => `family ${inetOf(family)} maxelem 1048576 comment`;
/** So many different drops are remembered, for so long. */
const dropped = (family: Family): string => `family ${inetOf(family)} maxelem 4096 timeout 300 counters`;

/** Longest comment that the kernel keeps is 255 bytes. */
const commentText = (text: string): string => `comment "${text.replaceAll(/["\\\u0000-\u001f]/g, '_').slice(0, 255)}"`;

const protocolName: Readonly<Record<number, string>> = { 6: 'tcp', 17: 'udp', 132: 'sctp' };

function memberText({ ip, port }: Pick<Member, 'ip' | 'port'>): string {
  return port === undefined ? ip : `${ip},${protocolName[port.protocol] ?? port.protocol}:${port.first}`;
}

/** Undefined for ports, which stand in the rules themselves. */
function wantedSet(set: PolicySet, family: Family): WantedSet | undefined {
  const options = kept(family);
  if (set.kind === 'ports') return undefined;
  if (set.kind === 'blocks') return { type: 'hash:net', options, members: blockMembers(set, family) };
  const members = new Map([...set.members.values()].map((one) => [memberText(one), commentText(one.pod)]));
  return { type: set.kind === 'pods' ? 'hash:ip' : 'hash:ip,port', options, members };
}

function blockMembers({ ranges, about }: PolicySet & { kind: 'blocks' }, family: Family): Map<string, string> {
  const prefixes = ranges
    .flatMap((range) => prefixesOf(range, family.version))
    // A prefix of length 0 is none to ipset: its two halves are.
    .flatMap((cidr) =>
      cidr.prefixLength > 0
        ? [cidr]
        : [0n, 1n].map((half) => ({ ...cidr, base: half << BigInt(family.bits - 1), prefixLength: 1 })),
    );
  const text = commentText(about);
  return new Map(prefixes.map((cidr) => [formatCIDR(cidr).replace(new RegExp(`/${family.bits}$`), ''), text]));
}

/** Every set, by its name in the kernel. None when nobody is isolated. */
export function wantedSets(table: PolicyTable, family: Family): Map<string, WantedSet> {
  const wanted = new Map<string, WantedSet>();
  if (directions.every((direction) => table.isolated[direction].size === 0)) return wanted;
  for (const direction of directions) {
    const members = [...table.isolated[direction]].map(([ip, { pod }]): [string, string] => [ip, commentText(pod)]);
    wanted.set(isolatedSet(family, direction), { type: 'hash:ip', options: kept(family), members: new Map(members) });
    wanted.set(droppedSet(family, direction), {
      type: 'hash:ip,port,ip',
      options: dropped(family),
      members: new Map(),
    });
  }
  for (const set of table.sets.values()) {
    const one = wantedSet(set, family);
    if (one !== undefined) wanted.set(setName(family, set.name), one);
  }
  return wanted;
}

export interface SetPlan {
  readonly changes: readonly Change[];
  /** Before the rules: what they ask must be there. */
  readonly before: readonly string[];
  /** After the rules. */
  readonly after: readonly string[];
  /** Sets that go, one at a time: the kernel may hold them a moment longer. */
  readonly destroyed: readonly string[];
}

const createLine = (name: string, { type, options }: Pick<WantedSet, 'type' | 'options'>): string =>
  `create ${name} ${type} ${options}`;
const addLine = (name: string, member: string, comment: string): string => `add ${name} ${member} ${comment}`;

/** Everything against what was read. A set of our name and another type is somebody's mistake: rules that ask it keep it, so it is told. */
export function planSets(
  wanted: ReadonlyMap<string, WantedSet>,
  observed: ReadonlyMap<string, IpSet>,
  family: Family,
): SetPlan {
  const changes: Change[] = [];
  const before: string[] = [];
  const after: string[] = [];
  for (const [name, set] of wanted) {
    const there = observed.get(name);
    if (there === undefined) {
      before.push(createLine(name, set));
      changes.push({ action: 'add', object: `ipset ${name}`, reason: `${set.members.size} members` });
    }
    if (isFilledByPackets(name)) continue;
    for (const [member, comment] of set.members) {
      if (there?.members.get(member) === comment) continue;
      // -exist brings the comment of a member that is there up to date.
      before.push(addLine(name, member, comment));
      if (there !== undefined) changes.push({ action: 'add', object: `ipset ${name} ${member}`, reason: comment });
    }
    for (const member of there?.members.keys() ?? []) {
      if (set.members.has(member)) continue;
      after.push(`del ${name} ${member}`);
      changes.push({ action: 'delete', object: `ipset ${name} ${member}`, reason: 'no object asks for it' });
    }
  }
  const destroyed = [...observed.keys()].filter((name) => ownsSet(name, family) && !wanted.has(name));
  for (const name of destroyed)
    changes.push({ action: 'delete', object: `ipset ${name}`, reason: 'no profile asks it' });
  return { changes, before, after, destroyed };
}

/** A member's key in the text of ipset. */
function textOf(key: string): string {
  const [ip = '', port] = key.split(',');
  if (port === undefined) return ip;
  const [protocol, number] = port.split(':').map(Number);
  return memberText({ ip, port: { protocol: protocol ?? 0, first: number ?? 0, last: number ?? 0 } });
}

/** What a few changes come to, without a look at the kernel. */
export class SetChangePlan implements SetPlan {
  readonly changes: Change[] = [];
  readonly before: string[] = [];
  readonly after: string[] = [];
  readonly destroyed: string[] = [];
  readonly #table: PolicyTable;
  readonly #family: Family;

  constructor(table: PolicyTable, family: Family) {
    this.#table = table;
    this.#family = family;
  }

  set(name: string): void {
    const set = this.#table.sets.get(name);
    const own = setName(this.#family, name);
    const wanted = set === undefined ? undefined : wantedSet(set, this.#family);
    if (wanted !== undefined) {
      // One that waits to be destroyed may still hold members of before.
      this.before.push(createLine(own, wanted), `flush ${own}`);
      for (const [member, comment] of wanted.members) this.before.push(addLine(own, member, comment));
      this.changes.push({ action: 'add', object: `ipset ${own}`, reason: set?.about ?? '' });
    } else if (set === undefined && !name.startsWith('ports-')) this.destroyed.push(own);
  }

  members(name: string, keys: ReadonlySet<string>): void {
    const set = this.#table.sets.get(name);
    if (set === undefined || !('members' in set)) return;
    for (const key of keys) this.#member(setName(this.#family, name), textOf(key), set.members.get(key)?.pod);
  }

  isolation(direction: Direction, ip: string): void {
    this.#member(isolatedSet(this.#family, direction), ip, this.#table.isolated[direction].get(ip)?.pod);
  }

  #member(set: string, text: string, pod: string | undefined): void {
    const isGone = pod === undefined;
    if (isGone) this.after.push(`del ${set} ${text}`);
    else this.before.push(addLine(set, text, commentText(pod)));
    const object = `ipset ${set} ${text}`;
    this.changes.push({ action: isGone ? 'delete' : 'add', object, reason: pod ?? 'no object asks for it' });
  }
}
