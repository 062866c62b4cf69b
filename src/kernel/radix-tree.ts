/**
 * A radix tree of chains. A chain is walked rule by rule, so a flat list costs every new connection a step a Service; a
 * tree keeps the walk short. Its shape depends on what is in it alone, never on what came first: what an earlier process
 * wrote from the same objects is right as it is. Pure.
 */
import type { DesiredChain } from './plan-iptables.ts';

/** All values whose first `length` bits are those of `base`. */
export interface ValueRange {
  readonly base: bigint;
  readonly length: number;
}

/** What the values are, and how a chain leads on by them. */
export interface TreeShape {
  /** Bits of a value. */
  readonly bits: number;
  /** Ranges are not wider than these first bits. */
  readonly minLength: number;
  /** Rules that a chain lists one by one at most, unless they are for one value. */
  readonly leafRules: number;
  /** The chain at the top; it is always there. */
  readonly top: string;
  /** Rules of the top chain that stand around what leads on. */
  readonly before: readonly string[];
  readonly after: readonly string[];
  readonly about: string;
  /** As people write it. */
  rangeText(range: ValueRange): string;
  chainOf(range: ValueRange): string;
  /** The rule that leads from a chain to that of a range. */
  jumpTo(range: ValueRange, chain: string): string;
}

/** Chains by name that are other ones now; undefined: nobody needs it any more. */
export type ChangedChains = ReadonlyMap<string, DesiredChain | undefined>;

/** The rules for one value. */
interface Item {
  readonly value: bigint;
  readonly rules: readonly string[];
}

interface Leaf {
  readonly kind: 'leaf';
  readonly items: readonly Item[];
  readonly rules: number;
  readonly min: bigint;
  readonly max: bigint;
}

interface Inner {
  readonly kind: 'inner';
  /** Bits that its children are told apart by, counted from the first. */
  readonly length: number;
  readonly children: readonly Child[];
  readonly rules: number;
  readonly min: bigint;
  readonly max: bigint;
}

type Node = Leaf | Inner;

interface Child {
  /** The first `length` bits of its values. */
  readonly high: bigint;
  readonly chain: string;
  readonly jump: string;
  readonly text: string;
  readonly node: Node;
}

const maxStride = 4;
/** A stride is chosen so that what it leads to is this full. */
const fill = 0.75;

const ascending = (a: { readonly value: bigint }, b: { readonly value: bigint }): number =>
  a.value < b.value ? -1 : a.value > b.value ? 1 : 0;

/** Items with edits put in their places; an edit without rules takes its value out. Both are sorted. */
function merged(items: readonly Item[], edits: readonly Item[]): Item[] {
  const result: Item[] = [];
  let next = 0;
  for (const item of items) {
    for (; next < edits.length && (edits[next]?.value ?? 0n) < item.value; next += 1) result.push(edits[next] as Item);
    if (edits[next]?.value === item.value) result.push(edits[next++] as Item);
    else result.push(item);
  }
  return [...result, ...edits.slice(next)].filter(({ rules }) => rules.length > 0);
}

function itemsOf(node: Node): Item[] {
  return node.kind === 'leaf' ? [...node.items] : node.children.flatMap((child) => itemsOf(child.node));
}

function leaf(items: readonly Item[]): Leaf {
  const rules = items.reduce((sum, item) => sum + item.rules.length, 0);
  return { kind: 'leaf', items, rules, min: items[0]?.value ?? 0n, max: items.at(-1)?.value ?? 0n };
}

function inner(length: number, children: readonly Child[]): Inner {
  const rules = children.reduce((sum, child) => sum + child.node.rules, 0);
  return {
    kind: 'inner',
    length,
    children,
    rules,
    min: children[0]?.node.min ?? 0n,
    max: children.at(-1)?.node.max ?? 0n,
  };
}

/** One tree. What is set shows in the chains at the next `flush`. */
export class RadixTree {
  readonly #shape: TreeShape;
  /** Rules of each value by owner. */
  readonly #values = new Map<bigint, Map<string, readonly string[]>>();
  readonly #edited = new Set<bigint>();
  readonly #chains = new Map<string, DesiredChain>();
  #root: Node = leaf([]);
  #changed = new Map<string, DesiredChain | undefined>();

  constructor(shape: TreeShape) {
    this.#shape = shape;
    this.#write(shape.top, shape.about, []);
  }

  /** The rules that this owner has for the value; none takes them out. Owners of one value stand in the order of their names. */
  set(value: bigint, owner: string, rules: readonly string[]): void {
    const owners = this.#values.get(value) ?? new Map<string, readonly string[]>();
    if (rules.length > 0) owners.set(owner, rules);
    else owners.delete(owner);
    if (owners.size > 0) this.#values.set(value, owners);
    else this.#values.delete(value);
    this.#edited.add(value);
  }

  /** Brings the chains to what was set, and tells those that are other ones now. */
  flush(): ChangedChains {
    if (this.#edited.size > 0) {
      const edits = [...this.#edited].map((value): Item => ({ value, rules: this.#rulesOf(value) })).sort(ascending);
      this.#edited.clear();
      const { top, about } = this.#shape;
      this.#root = this.#update(top, about, this.#root, edits);
    }
    const changed = new Map<string, DesiredChain | undefined>();
    for (const [name, chain] of this.#changed) {
      if (same(this.#chains.get(name), chain)) continue;
      changed.set(name, chain);
      if (chain === undefined) this.#chains.delete(name);
      else this.#chains.set(name, chain);
    }
    this.#changed = new Map();
    return changed;
  }

  #rulesOf(value: bigint): readonly string[] {
    const owners = [...(this.#values.get(value) ?? [])];
    if (owners.length > 1) owners.sort(([a], [b]) => (a < b ? -1 : 1));
    return owners.flatMap(([, rules]) => rules);
  }

  /** Only what the edits lie in is looked at. */
  #update(chain: string, about: string, node: Node, edits: readonly Item[]): Node {
    if (node.kind === 'leaf') return this.#build(chain, about, merged(node.items, edits));
    const children = this.#updateChildren(node, edits);
    const next = inner(node.length, children);
    if (this.#strideOf(next) !== node.length) {
      for (const child of children) this.#forget(child);
      return this.#build(chain, about, itemsOf(next));
    }
    if (children.length !== node.children.length || children.some(({ high }, at) => high !== node.children[at]?.high))
      this.#write(chain, about, children);
    return next;
  }

  #updateChildren({ length, children }: Inner, edits: readonly Item[]): readonly Child[] {
    const found = new Map(children.map((child) => [child.high, child]));
    for (const [high, group] of Map.groupBy(edits, ({ value }) => this.#high(value, length))) {
      const child = found.get(high) ?? this.#emptyChild(high, length);
      const node = this.#update(child.chain, child.text, child.node, group);
      if (node.rules > 0) found.set(high, { ...child, node });
      else {
        found.delete(high);
        this.#changed.set(child.chain, undefined);
      }
    }
    return [...found.values()].sort((a, b) => (a.high < b.high ? -1 : 1));
  }

  #high(value: bigint, length: number): bigint {
    return value >> BigInt(this.#shape.bits - length);
  }

  #emptyChild(high: bigint, length: number): Child {
    const range = { base: high << BigInt(this.#shape.bits - length), length };
    const chain = this.#shape.chainOf(range);
    const text = `${this.#shape.about} in ${this.#shape.rangeText(range)}`;
    return { high, chain, jump: this.#shape.jumpTo(range, chain), text, node: leaf([]) };
  }

  #build(chain: string, about: string, items: readonly Item[]): Node {
    const whole = leaf(items);
    const length = this.#strideOf(whole);
    if (length === undefined) {
      this.#write(chain, about, items);
      return whole;
    }
    const groups = Map.groupBy(items, ({ value }) => this.#high(value, length));
    const children = [...groups].map(([high, group]): Child => {
      const child = this.#emptyChild(high, length);
      return { ...child, node: this.#build(child.chain, child.text, group) };
    });
    this.#write(chain, about, children);
    return inner(length, children);
  }

  /** By how many bits a node leads on; undefined for one that lists its rules. */
  #strideOf({ rules, min, max }: Node): number | undefined {
    const { bits, minLength, leafRules } = this.#shape;
    if (rules <= leafRules || min === max) return undefined;
    const shared = bits - (min ^ max).toString(2).length;
    const stride = Math.min(maxStride, Math.ceil(Math.log2(rules / (leafRules * fill))));
    // Wide strides end at the same bits whatever the values share, so that ranges stay when a stray value comes.
    const length = stride === maxStride ? Math.floor(shared / maxStride) * maxStride + maxStride : shared + stride;
    return Math.min(Math.max(length, minLength), bits);
  }

  #forget({ chain, node }: Child): void {
    this.#changed.set(chain, undefined);
    if (node.kind === 'inner') for (const child of node.children) this.#forget(child);
  }

  #write(chain: string, about: string, parts: readonly (Item | Child)[]): void {
    const { top, before, after } = this.#shape;
    const rules = parts.flatMap((part) => ('jump' in part ? [part.jump] : part.rules));
    this.#changed.set(chain, { about, rules: chain === top ? [...before, ...rules, ...after] : rules });
  }
}

const same = (a: DesiredChain | undefined, b: DesiredChain | undefined): boolean =>
  a === b ||
  (a !== undefined &&
    b !== undefined &&
    a.rules.length === b.rules.length &&
    a.rules.every((rule, at) => rule === b.rules[at]));
