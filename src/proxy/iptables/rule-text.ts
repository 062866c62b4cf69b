/** Parts of rules, in the very text that iptables-save prints: what is read back compares equal. */
import type { Family } from '../../kernel/family.ts';
import { comment } from '../../kernel/iptables.ts';
import type { Protocol } from '../model/service-port.ts';
import { clearMark, masqueradeMark } from './names.ts';

export const toPort = (protocol: Protocol, port: number | string): string =>
  `-p ${protocol} -m ${protocol} --dport ${port}`;
export const fromAddress = (family: Family, address: string): string => `-s ${address}/${family.bits}`;
export const toAddress = (family: Family, address: string): string => `-d ${address}/${family.bits}`;

/** Marks what leaves with the node's address. `match` stands before the comment and ends with a space, or is empty. */
export const mark = (about: string, match = '', late = ''): string =>
  `${match}${comment(about)}${late} -j MARK --set-xmark ${masqueradeMark}`;
/** Takes the mark off. */
export const unmark = (about: string): string => `${comment(about)} -j MARK --set-xmark ${clearMark}`;

/** Sent by this node itself. */
export const fromNode = ' -m addrtype --src-type LOCAL';
/** To an address of this node. */
export const toNode = ' -m addrtype --dst-type LOCAL';
