/** A difference turned into nft commands: what is written at once, and what goes a moment later. Pure. */
import type { Change } from '../../kernel/change.ts';
import type { TableName } from '../../kernel/nft.ts';
import {
  addChain,
  addRules,
  addSet,
  deleteChain,
  deleteSet,
  elementCommands,
  flushChain,
  type ChainText,
  type SetText,
} from '../../kernel/nft-objects.ts';

/** An element by its set and key. */
export interface ElementKey {
  readonly set: string;
  readonly key: string;
}

export interface ElementText extends ElementKey {
  readonly rest: string;
}

/** What differs. */
export interface Edit {
  readonly newSets: readonly SetText[];
  readonly newChains: readonly ChainText[];
  /** Their rules are written anew. */
  readonly changedChains: readonly ChainText[];
  readonly added: readonly ElementText[];
  /** Another text under the same key. */
  readonly replaced: readonly ElementText[];
  /** With what they said. */
  readonly removed: readonly ElementText[];
  readonly goneChains: readonly string[];
  readonly goneSets: readonly string[];
}

/** Objects that nothing leads to any more. */
export interface Leftovers {
  readonly elements: readonly ElementKey[];
  readonly chains: readonly string[];
  readonly sets: readonly string[];
}

/**
 * A packet looks its Service up and then its endpoint: two reads, and a commit may fall between. So endpoints stay a moment
 * longer than the verdicts that lead to them, and so do chains and pods that may be sent to themselves.
 */
export function isLeftFirst({ set }: ElementKey): boolean {
  return set === 'hairpin' || set.includes('endpoints-');
}

function bySet<T extends ElementKey>(elements: readonly T[], text: (element: T) => string): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const element of elements) {
    const list = found.get(element.set);
    if (list === undefined) found.set(element.set, [text(element)]);
    else list.push(text(element));
  }
  return found;
}

function commandsFor<T extends ElementKey>(
  table: TableName,
  verb: 'add' | 'delete',
  elements: readonly T[],
  text: (element: T) => string,
): string[] {
  return [...bySet(elements, text)].flatMap(([set, texts]) => elementCommands(table, verb, set, texts));
}

const keyText = ({ key }: ElementKey): string => key;
const wholeText = ({ key, rest }: ElementText): string => `${key} ${rest}`;

/** Everything of an edit but what is left for later. Chains stand before the elements that lead to them. */
export function firstCommands(table: TableName, edit: Edit): readonly string[] {
  const gone = edit.removed.filter((one) => !isLeftFirst(one));
  return [
    ...edit.newSets.map((one) => addSet(table, one)),
    ...edit.newChains.map((one) => addChain(table, one)),
    ...edit.changedChains.map(({ name }) => flushChain(table, name)),
    ...[...edit.newChains, ...edit.changedChains].flatMap((one) => addRules(table, one)),
    ...commandsFor(table, 'delete', [...edit.replaced, ...gone], keyText),
    ...commandsFor(table, 'add', [...edit.replaced, ...edit.added], wholeText),
  ];
}

export function leftoversOf(edit: Edit): Leftovers {
  return { elements: edit.removed.filter(isLeftFirst), chains: edit.goneChains, sets: edit.goneSets };
}

export function laterCommands(table: TableName, { elements, chains, sets }: Leftovers): readonly string[] {
  return [
    ...commandsFor(table, 'delete', elements, keyText),
    ...chains.map((name) => flushChain(table, name)),
    ...chains.map((name) => deleteChain(table, name)),
    ...sets.map((name) => deleteSet(table, name)),
  ];
}

/** Each change with its reason, as it is reported and logged. */
export function changesOf({ family }: TableName, edit: Edit): readonly Change[] {
  const about = (rest: string): string => /comment "([^"]*)"/.exec(rest)?.[1] ?? '';
  const element =
    (action: string) =>
    ({ set, key, rest }: ElementText): Change => ({ action, object: `${family} ${set} ${key}`, reason: about(rest) });
  const chain =
    (action: string) =>
    ({ name, lines }: ChainText): Change => ({
      action,
      object: `${family} chain ${name}`,
      reason: about(lines[0] ?? ''),
    });
  const gone =
    (kind: string) =>
    (name: string): Change => ({
      action: 'delete',
      object: `${family} ${kind} ${name}`,
      reason: 'nothing leads there',
    });
  return [
    ...edit.newSets.map(({ kind, name, head }) => ({
      action: 'add',
      object: `${family} ${kind} ${name}`,
      reason: about(head.at(-1) ?? ''),
    })),
    ...edit.newChains.map(chain('add')),
    ...edit.changedChains.map(chain('rewrite')),
    ...edit.added.map(element('add')),
    ...edit.replaced.map(element('rewrite')),
    ...edit.removed.map(element('delete')),
    ...edit.goneChains.map(gone('chain')),
    ...edit.goneSets.map(gone('set')),
  ];
}
