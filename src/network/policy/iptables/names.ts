/** Names and marks of the iptables back end: a chain name has room for 28 characters, a set's for 31. */
import { createHash } from 'node:crypto';
import type { Family } from '../../../kernel/family.ts';
import type { Direction } from '../model/table.ts';

/** Where every forwarded packet comes by. */
export const topChain = 'PW-POLICY';
const prefix = 'PW-POL-';

/** Whether NetworkPolicy made a chain of this name. */
export function ownsChain(name: string): boolean {
  return name === topChain || name.startsWith(prefix);
}

/** `PW-POL-out-1a2b3c4d5e6f` (23). */
export const profileChain = (profile: string): string => `${prefix}${profile}`;
/** The top of the tree that leads to the pods isolated in one direction. */
export const treeChain = (direction: Direction): string => `${prefix}${direction}`;

/** `PW-POL-I-255.255.255.255/32` (27); an IPv6 prefix has no room: 12 digits of its hash and its length. */
export function rangeChain(direction: Direction, cidr: string, { version }: Family): string {
  const letter = direction === 'ingress' ? 'I' : 'E';
  if (version === 4) return `${prefix}${letter}-${cidr}`;
  const hash = createHash('sha256').update(cidr).digest('hex').slice(0, 12);
  return `${prefix}${letter}-${hash}${cidr.slice(cidr.indexOf('/'))}`;
}

/** `PW-4-named-1a2b3c4d5e6f` (23). Sets of both families live in one space of names. */
export const setName = ({ version }: Family, name: string): string => `PW-${version}-${name}`;
export const isolatedSet = (family: Family, direction: Direction): string => setName(family, `isolated-${direction}`);
export const droppedSet = (family: Family, direction: Direction): string => setName(family, `dropped-${direction}`);
export const isFilledByPackets = (name: string): boolean => /^PW-[46]-dropped-/.test(name);

export function ownsSet(name: string, { version }: Family): boolean {
  return name.startsWith(`PW-${version}-`);
}
