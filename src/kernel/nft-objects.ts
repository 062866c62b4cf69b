/** Chains and sets as text in the very form that nft prints, so that what is read back compares equal. */
import { createHash } from 'node:crypto';
import type { TableName } from './nft.ts';

/** 128 bytes are what the kernel keeps of a comment, its end mark counted. */
export const maxComment = 127;
/** Digits that tell texts apart. */
export const hash8 = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 8);

/** Text that fits: what is too long keeps its beginning and 8 digits that tell it apart. */
export function fitText(text: string, room: number): string {
  return text.length <= room ? text : `${text.slice(0, room - 9)}~${hash8(text)}`;
}

/** `comment "…"`, with what could end the quotes or the line taken out. */
export function comment(text: string): string {
  return `comment "${fitText(text.replaceAll(/["\\\u0000-\u001f]/g, '_'), maxComment)}"`;
}

export interface SetText {
  readonly kind: 'set' | 'map';
  readonly name: string;
  /** Type, size, flags, timeout, comment: in this order. */
  readonly head: readonly string[];
}

export interface ChainText {
  readonly name: string;
  /** Comment, hook of a base chain, rules. */
  readonly lines: readonly string[];
}

/** A chain whose rules all say the same, what they are for. */
export function chain(name: string, about: string, rules: readonly string[], hook?: string): ChainText {
  const said = comment(about);
  return { name, lines: [said, ...(hook === undefined ? [] : [hook]), ...rules.map((rule) => `${rule} ${said}`)] };
}

const isHook = (line: string): boolean => line.startsWith('type ');
export const hookOf = ({ lines }: ChainText): string | undefined => lines.find(isHook);
export const rulesOf = ({ lines }: ChainText): readonly string[] =>
  lines.filter((line) => !isHook(line) && !line.startsWith('comment "'));

const place = ({ family, name }: TableName): string => `${family} ${name}`;

/**
 * A size of 65,535 is left out: the kernel gives a set that rules add to that many (nft_dynset.c), but takes room for what it is told
 * when the set is made, here 1 MiB. Without a word the set grows as it needs.
 */
export function addSet(table: TableName, { kind, name, head }: SetText): string {
  const told = head.filter((line) => line !== 'size 65535');
  return `add ${kind} ${place(table)} ${name} { ${told.join('; ')}; }`;
}

/** Makes a chain, empty as yet: others may lead to it before its rules are there. */
export function addChain(table: TableName, { name, lines }: ChainText): string {
  const head = lines
    .filter((line) => isHook(line) || line.startsWith('comment "'))
    .map((line) => line.replace(/;$/, ''));
  return `add chain ${place(table)} ${name} { ${head.toReversed().join('; ')}; }`;
}

export function addRules(table: TableName, one: ChainText): readonly string[] {
  return rulesOf(one).map((rule) => `add rule ${place(table)} ${one.name} ${rule}`);
}

export const flushChain = (table: TableName, name: string): string => `flush chain ${place(table)} ${name}`;
export const deleteChain = (table: TableName, name: string): string => `delete chain ${place(table)} ${name}`;
export const deleteSet = (table: TableName, name: string): string => `delete set ${place(table)} ${name}`;

/** Elements of one set in one command each `chunk`: a line has no limit, a reader has. */
export function elementCommands(
  table: TableName,
  verb: 'add' | 'delete',
  set: string,
  elements: readonly string[],
): readonly string[] {
  return elements.length === 0 ? [] : [`${verb} element ${place(table)} ${set} { ${elements.join(', ')} }`];
}
