/** The whole table against what the kernel has. Pure. */
import type { NftTable } from '../../kernel/nft-listing.ts';
import type { TableName } from '../../kernel/nft.ts';
import type { PortObjects } from './elements.ts';
import { blockSize } from './names.ts';
import {
  addChain,
  addRules,
  addSet,
  elementCommands,
  hookOf,
  rulesOf,
  type ChainText,
  type SetText,
} from '../../kernel/nft-objects.ts';
import { idOf, isShared, type Counts } from './plan-change.ts';
import { block, fixedStructure, lastStep, natHook, type StructureOptions } from './structure.ts';
import type { Edit, ElementText } from './transaction.ts';

/** The table as it shall be. */
export interface WholeTable {
  readonly sets: ReadonlyMap<string, SetText>;
  readonly chains: ReadonlyMap<string, ChainText>;
  /** By set: key → comment and value. Sets that packets fill are not in it. */
  readonly elements: ReadonlyMap<string, ReadonlyMap<string, string>>;
  readonly counts: Counts;
}

const blockName = /^(node-)?endpoints-(\d+)$/;
/** Sets whose elements come from packets. */
const isFilledByPackets = (name: string): boolean => name.startsWith('affinity-');

/** The block that a map belongs to; undefined for what is no such map. */
export function blockNamed(name: string): { readonly largest: number; readonly isNode: boolean } | undefined {
  const [, node, digits] = blockName.exec(name) ?? [];
  const largest = Number(digits);
  if (digits === undefined || largest === 0 || largest % blockSize !== 0) return undefined;
  return { largest, isNode: node !== undefined };
}

/** Everything that these ports ask for, and the blocks that are there already: they stay, in use or not. */
export function wholeTable(
  objects: Iterable<PortObjects>,
  observed: NftTable | undefined,
  options: StructureOptions,
): WholeTable {
  const fixed = fixedStructure({ ...options, step: observed === undefined ? 0 : stepToKeep(observed) });
  const sets = new Map(fixed.sets.map((one) => [one.name, one]));
  const chains = new Map(fixed.chains.map((one) => [one.name, one]));
  const elements = new Map<string, Map<string, string>>();
  const counts: Counts = new Map();
  const addBlock = (name: string): void => {
    const found = sets.has(name) ? undefined : blockNamed(name);
    if (found === undefined) return;
    const made = block(found.largest, found.isNode, options);
    for (const one of made.sets) sets.set(one.name, one);
    for (const one of made.chains) chains.set(one.name, one);
  };
  for (const name of observed?.sets.keys() ?? []) addBlock(name);
  for (const port of objects) {
    for (const one of port.sets) sets.set(one.name, one);
    for (const one of port.chains) chains.set(one.name, one);
    for (const { set, key, rest } of port.elements) {
      const ofSet = elements.get(set) ?? new Map<string, string>();
      if (ofSet.size === 0) {
        elements.set(set, ofSet);
        addBlock(set);
      }
      ofSet.set(key, rest);
      const element = { set, key, rest };
      if (isShared(element)) counts.set(idOf(element), (counts.get(idOf(element)) ?? 0) + 1);
    }
  }
  const { nodePortAddresses } = options;
  if (nodePortAddresses !== undefined)
    elements.set(
      'node-port-addresses',
      new Map(nodePortAddresses.map((range): [string, string] => [elementOfRange(range), ''])),
    );
  return { sets, chains, elements, counts };
}

type NatHook = Parameters<typeof natHook>[0];
const hookIn = (observed: NftTable, name: NatHook): string | undefined =>
  hookOf({ name, lines: observed.chains.get(name) ?? [] });
const steps = Array.from({ length: lastStep + 1 }, (_, step) => step);

const hooks = ['prerouting', 'output'] as const;

/** Where both hooks of a table of ours stand: they may stay there, see {@link natHook}. 0 where they are no such pair. */
function stepToKeep(observed: NftTable): number {
  return steps.find((step) => hooks.every((hook) => hookIn(observed, hook) === natHook(hook, step))) ?? 0;
}

/** The first step behind all hooks that are there; the first of all where there is none, or none behind. */
function stepBehind(observed: NftTable): number {
  const last = steps.findLast((step) => hooks.some((hook) => hookIn(observed, hook) === natHook(hook, step)));
  return last === undefined || last === lastStep ? 0 : last + 1;
}

/** As nft prints an element of an interval set: a single address without its length. */
function elementOfRange(range: string): string {
  return range.replace(/\/(32|128)$/, '');
}

/** Rules of a map with a random number in its key cannot be written once the map was read back; see `blockSize`. */
const readsEndpoints = ({ lines }: ChainText): boolean =>
  lines.some((line) => line.includes('numgen') && line.includes(' map @'));

/** Lines as they compare: the hook, then the rules. The comment of a chain cannot be changed and is let be. */
const compared = (chain: ChainText): string => [hookOf(chain), ...rulesOf(chain)].join('\n');

/** Whether the table must be made anew: a map of another type, a chain of another hook, or rules that cannot be written. */
export function mustReplace(whole: WholeTable, observed: NftTable): boolean {
  for (const { name, head } of whole.sets.values()) {
    const there = observed.sets.get(name);
    if (there === undefined) continue;
    if (there.head.filter(isType).join('\n') !== head.filter(isType).join('\n')) return true;
  }
  for (const chain of whole.chains.values()) {
    const lines = observed.chains.get(chain.name);
    if (lines !== undefined && hookOf({ name: chain.name, lines }) !== hookOf(chain)) return true;
    if (!readsEndpoints(chain)) continue;
    const isNewBlock = [...whole.sets.keys()].some(
      (name) => !observed.sets.has(name) && chain.lines.some((line) => line.includes(` @${name} `)),
    );
    if (isNewBlock && lines === undefined) continue;
    if (lines === undefined || compared({ name: chain.name, lines }) !== compared(chain)) return true;
  }
  return false;
}

const isType = (line: string): boolean => !line.startsWith('comment "');

/** What differs, for a table that need not be made anew. */
export function planTable(whole: WholeTable, observed: NftTable): Edit {
  const sets = [...whole.sets.values()];
  const chains = [...whole.chains.values()];
  const goneChains = [...observed.chains.keys()].filter((name) => !whole.chains.has(name));
  return {
    newSets: sets.filter(({ name }) => !observed.sets.has(name)),
    newChains: chains.filter(({ name }) => !observed.chains.has(name)),
    changedChains: chains.filter((chain) => {
      const lines = observed.chains.get(chain.name);
      return lines !== undefined && compared({ name: chain.name, lines }) !== compared(chain);
    }),
    goneChains,
    goneSets: [...observed.sets.keys()].filter((name) => !whole.sets.has(name)),
    ...planAllElements(whole, observed),
  };
}

function planAllElements(whole: WholeTable, observed: NftTable): Pick<Edit, 'added' | 'replaced' | 'removed'> {
  const added: ElementText[] = [];
  const replaced: ElementText[] = [];
  const removed: ElementText[] = [];
  const none: ReadonlyMap<string, string> = new Map();
  for (const set of whole.sets.keys()) {
    if (isFilledByPackets(set)) continue;
    const wanted = whole.elements.get(set) ?? none;
    const there = observed.sets.get(set)?.elements ?? none;
    for (const [key, rest] of wanted) {
      const found = there.get(key);
      if (found === undefined) added.push({ set, key, rest });
      else if (found !== rest) replaced.push({ set, key, rest });
    }
    for (const [key, rest] of there) if (!wanted.has(key)) removed.push({ set, key, rest });
  }
  return { added, replaced, removed };
}

/** A chain as it is loaded in the place of a table that is there. */
function behind(chain: ChainText, observed: NftTable): ChainText {
  const hook = hooks.find((name) => name === chain.name);
  if (hook === undefined) return chain;
  const hookLine = natHook(hook, stepBehind(observed));
  return { ...chain, lines: chain.lines.map((line) => (line === hookOf(chain) ? hookLine : line)) };
}

/** The whole table in one transaction, in the place of what is there; clients that stay with an endpoint go on doing so. */
export function replaceCommands(
  table: TableName,
  whole: WholeTable,
  observed: NftTable | undefined,
): readonly string[] {
  const name = `${table.family} ${table.name}`;
  const chains = [...whole.chains.values()].map((one) => (observed === undefined ? one : behind(one, observed)));
  const filled = [...whole.sets.keys()].filter((set) => isFilledByPackets(set));
  const texts = ([key, rest]: readonly [string, string]): string => (rest === '' ? key : `${key} ${rest}`);
  return [
    ...(observed === undefined ? [] : [`delete table ${name}`]),
    `add table ${name} { comment "podwire: Services"; }`,
    ...[...whole.sets.values()].map((one) => addSet(table, one)),
    ...chains.map((one) => addChain(table, one)),
    ...chains.flatMap((one) => addRules(table, one)),
    ...[...whole.elements].flatMap(([set, elements]) => elementCommands(table, 'add', set, [...elements].map(texts))),
    ...filled.flatMap((set) =>
      elementCommands(table, 'add', set, [...(observed?.sets.get(set)?.elements ?? [])].map(texts)),
    ),
  ];
}
