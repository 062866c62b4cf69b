/** From what the table has to what it shall have: commands of one transaction, each with its reason. Pure. */
import type { Change } from '../../../kernel/change.ts';
import type { Family } from '../../../kernel/family.ts';
import type { NftTable } from '../../../kernel/nft-listing.ts';
import {
  addChain,
  addRules,
  addSet,
  comment,
  deleteChain,
  deleteSet,
  elementCommands,
  flushChain,
  hookOf,
  rulesOf,
  type ChainText,
  type SetText,
} from '../../../kernel/nft-objects.ts';
import type { TableName } from '../../../kernel/nft.ts';
import { directions, type Direction, type Member, type PolicyChanges, type PolicyTable } from '../model/table.ts';
import {
  elementsOf,
  isolatedPod,
  isolationElements,
  memberText,
  profileChain,
  selfKey,
  setText,
  type NftObjects,
} from './objects.ts';
import { isFilledByPackets, isolatedSet, selfSet, verdictMap } from './structure.ts';

/** A set's elements that differ: undefined is one that goes. */
type Elements = Map<string, Map<string, string | undefined>>;

/** What differs. */
export interface NftEdit {
  readonly newSets: SetText[];
  readonly newChains: ChainText[];
  readonly changedChains: ChainText[];
  readonly newCounters: Map<string, string>;
  readonly elements: Elements;
  /** Elements that stay under their key with another text are taken out first. */
  readonly replaced: Map<string, string[]>;
  readonly goneChains: string[];
  readonly goneCounters: string[];
  readonly goneSets: string[];
}

const emptyEdit = (): NftEdit => ({
  newSets: [],
  newChains: [],
  changedChains: [],
  newCounters: new Map(),
  elements: new Map(),
  replaced: new Map(),
  goneChains: [],
  goneCounters: [],
  goneSets: [],
});

function setElement(
  edit: NftEdit,
  set: string,
  key: string,
  before: string | undefined,
  now: string | undefined,
): void {
  if (before === now) return;
  const ofSet = edit.elements.get(set) ?? new Map<string, string | undefined>();
  edit.elements.set(set, ofSet.set(key, now));
  if (before !== undefined && now !== undefined) edit.replaced.set(set, [...(edit.replaced.get(set) ?? []), key]);
}

const compared = (chain: ChainText): string => [hookOf(chain), ...rulesOf(chain)].join('\n');

/** Everything against what was read. The comment of an object cannot be changed and is let be. */
export function planWhole(desired: NftObjects, observed: NftTable, counters: ReadonlySet<string>): NftEdit {
  const edit = emptyEdit();
  edit.newSets.push(...[...desired.sets.values()].filter(({ name }) => !observed.sets.has(name)));
  edit.goneSets.push(...[...observed.sets.keys()].filter((name) => !desired.sets.has(name)));
  for (const chain of desired.chains.values()) {
    const lines = observed.chains.get(chain.name);
    if (lines === undefined) edit.newChains.push(chain);
    else if (compared({ name: chain.name, lines }) !== compared(chain)) edit.changedChains.push(chain);
  }
  edit.goneChains.push(...[...observed.chains.keys()].filter((name) => !desired.chains.has(name)));
  for (const [name, about] of desired.counters) if (!counters.has(name)) edit.newCounters.set(name, about);
  edit.goneCounters.push(...[...counters].filter((name) => !desired.counters.has(name)));
  for (const name of desired.sets.keys()) {
    if (isFilledByPackets(name)) continue;
    const wanted = desired.elements.get(name) ?? new Map<string, string>();
    const there = observed.sets.get(name)?.elements ?? new Map<string, string>();
    for (const [key, rest] of wanted) setElement(edit, name, key, there.get(key), rest);
    for (const [key, rest] of there) if (!wanted.has(key)) setElement(edit, name, key, rest, undefined);
  }
  return edit;
}

/** The hook by which policies are asked, as it was read. */
export function forwardHookIn(observed: NftTable): string | undefined {
  return hookOf({ name: 'forward', lines: observed.chains.get('forward') ?? [] });
}

/** Whether the table cannot be changed into the other: a set of another type, a chain of another hook. */
export function mustReplace(desired: NftObjects, observed: NftTable): boolean {
  const typeOf = (head: readonly string[]): string => head.filter((line) => !line.startsWith('comment "')).join('\n');
  const isOtherSet = [...desired.sets.values()].some(({ name, head }) => {
    const there = observed.sets.get(name);
    return there !== undefined && typeOf(there.head) !== typeOf(head);
  });
  return (
    isOtherSet ||
    [...desired.chains.values()].some((chain) => {
      const lines = observed.chains.get(chain.name);
      return lines !== undefined && hookOf({ name: chain.name, lines }) !== hookOf(chain);
    })
  );
}

/** The key back as a member: what is gone is in no table any more. */
function memberOf(key: string): Pick<Member, 'ip' | 'port'> {
  const [ip = '', port] = key.split(',');
  if (port === undefined) return { ip };
  const [protocol, number] = port.split(':').map(Number);
  return { ip, port: { protocol: protocol ?? 0, first: number ?? 0, last: number ?? 0 } };
}

/** Looks up what changed, and keeps `written` as the kernel will have it. */
class ChangePlan {
  readonly edit = emptyEdit();
  readonly #table: PolicyTable;
  readonly #written: NftObjects;
  readonly #family: Family;

  constructor(table: PolicyTable, written: NftObjects, family: Family) {
    this.#table = table;
    this.#written = written;
    this.#family = family;
  }

  #put(set: string, key: string, now: string | undefined): void {
    const elements = this.#written.elements.get(set) ?? new Map<string, string>();
    setElement(this.edit, set, key, elements.get(key), now);
    if (now === undefined) elements.delete(key);
    else this.#written.elements.set(set, elements.set(key, now));
  }

  set(name: string): void {
    const set = this.#table.sets.get(name);
    if (set === undefined) {
      if (this.#written.sets.delete(name)) this.edit.goneSets.push(name);
      this.#written.elements.delete(name);
    } else if (!this.#written.sets.has(name)) {
      const text = setText(set, this.#family);
      this.#written.sets.set(name, text);
      this.edit.newSets.push(text);
      for (const [key, rest] of elementsOf(set, this.#family)) this.#put(name, key, rest);
    }
  }

  members(name: string, keys: ReadonlySet<string>): void {
    const set = this.#table.sets.get(name);
    if (set === undefined || !('members' in set)) return;
    for (const key of keys) {
      const member = set.members.get(key);
      this.#put(name, memberText(memberOf(key)), member && comment(member.pod));
    }
  }

  profile(name: string): void {
    const profile = this.#table.profiles.get(name);
    if (profile === undefined) {
      if (this.#written.chains.delete(name)) this.edit.goneChains.push(name);
      if (this.#written.counters.delete(name)) this.edit.goneCounters.push(name);
    } else if (!this.#written.chains.has(name)) {
      const chain = profileChain(profile, this.#family);
      const about = profile.policies.join(', ');
      this.#written.chains.set(name, chain);
      this.#written.counters.set(name, about);
      this.edit.newChains.push(chain);
      this.edit.newCounters.set(name, about);
    }
  }

  isolation(direction: Direction, ip: string): void {
    const isolation = this.#table.isolated[direction].get(ip);
    const elements = isolation === undefined ? [] : isolationElements(direction, ip, isolation);
    const rests = new Map(elements.map(([set, , rest]) => [set, rest]));
    for (const set of [verdictMap(direction), isolatedSet(direction)]) this.#put(set, ip, rests.get(set));
    const pod = isolatedPod(this.#table, ip);
    this.#put(selfSet, selfKey(ip), pod && comment(pod));
  }
}

/** What changed, looked up in the table; `written` is what the kernel has, and is brought up to date. */
export function planChange(table: PolicyTable, changes: PolicyChanges, written: NftObjects, family: Family): NftEdit {
  const plan = new ChangePlan(table, written, family);
  for (const name of changes.sets) plan.set(name);
  for (const [name, keys] of changes.members) plan.members(name, keys);
  for (const name of changes.profiles) plan.profile(name);
  for (const direction of directions) for (const ip of changes.isolated[direction]) plan.isolation(direction, ip);
  return plan.edit;
}

const place = ({ family, name }: TableName): string => `${family} ${name}`;
const counterCommand = (table: TableName, name: string, about: string): string =>
  `add counter ${place(table)} ${name} { ${comment(about)}; }`;
const elementText = (key: string, rest: string): string => (rest === '' ? key : `${key} ${rest}`);

/** One transaction: what is led to stands before who leads there, and goes after. */
export function commandsOf(table: TableName, edit: NftEdit): readonly string[] {
  const added: string[] = [];
  const removed: string[] = [];
  for (const [set, elements] of edit.elements) {
    const texts = [...elements].flatMap(([key, rest]) => (rest === undefined ? [] : [elementText(key, rest)]));
    added.push(...elementCommands(table, 'add', set, texts));
    const gone = [...elements].flatMap(([key, rest]) => (rest === undefined ? [key] : []));
    removed.push(...elementCommands(table, 'delete', set, [...gone, ...(edit.replaced.get(set) ?? [])]));
  }
  return [
    ...edit.newSets.map((set) => addSet(table, set)),
    ...[...edit.newCounters].map(([name, about]) => counterCommand(table, name, about)),
    ...edit.newChains.map((chain) => addChain(table, chain)),
    ...edit.changedChains.map(({ name }) => flushChain(table, name)),
    ...[...edit.newChains, ...edit.changedChains].flatMap((chain) => addRules(table, chain)),
    ...removed,
    ...added,
    ...edit.goneChains.map((name) => flushChain(table, name)),
    ...edit.goneChains.map((name) => deleteChain(table, name)),
    ...edit.goneCounters.map((name) => `delete counter ${place(table)} ${name}`),
    ...edit.goneSets.map((name) => deleteSet(table, name)),
  ];
}

/** The whole table in one transaction, in the place of what is there. */
export function loadCommands(table: TableName, objects: NftObjects, isThere: boolean): readonly string[] {
  const edit = emptyEdit();
  edit.newSets.push(...objects.sets.values());
  edit.newChains.push(...objects.chains.values());
  for (const [name, about] of objects.counters) edit.newCounters.set(name, about);
  for (const [set, elements] of objects.elements) edit.elements.set(set, new Map(elements));
  return [
    ...(isThere ? [`delete table ${place(table)}`] : []),
    `add table ${place(table)} { comment "podwire: NetworkPolicy"; }`,
    ...commandsOf(table, edit),
  ];
}

const reasonIn = (text: string): string => /comment "([^"]*)"/.exec(text)?.[1] ?? '';

/** Each change with its reason, as it is reported and logged. */
export function changesOf({ family }: TableName, edit: NftEdit): readonly Change[] {
  const change = (action: string, object: string, reason: string): Change => ({
    action,
    object: `${family} ${object}`,
    reason,
  });
  return [
    ...edit.newSets.map(({ name, head }) => change('add', `set ${name}`, reasonIn(head.at(-1) ?? ''))),
    ...edit.newChains.map(({ name, lines }) => change('add', `chain ${name}`, reasonIn(lines[0] ?? ''))),
    ...edit.changedChains.map(({ name, lines }) => change('rewrite', `chain ${name}`, reasonIn(lines[0] ?? ''))),
    ...[...edit.elements].flatMap(([set, elements]) =>
      [...elements].map(([key, rest]) =>
        rest === undefined
          ? change('delete', `${set} ${key}`, 'no object asks for it')
          : change('add', `${set} ${key}`, reasonIn(rest)),
      ),
    ),
    ...edit.goneChains.map((name) => change('delete', `chain ${name}`, 'no pod has this profile')),
    ...edit.goneSets.map((name) => change('delete', `set ${name}`, 'no profile asks it')),
  ];
}
