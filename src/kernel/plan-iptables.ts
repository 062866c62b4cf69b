/**
 * Plans the way from the rules that are in the kernel to the rules that should be. Pure: data in, data out.
 *
 * A writer owns whole chains (told by their names) and its hooks, single rules in the built-in chains: jumps to its chains, and
 * verdicts whose comment begins with a name of that kind (`PW-NET-KNOWN: …`). What it does not own it neither reads as its own nor
 * changes. Only chains that differ are sent.
 */
import type { Change } from './change.ts';
import { ruleWords, sameRule, targetOf, type RuleSet, type TableName } from './iptables.ts';

export interface DesiredChain {
  readonly rules: readonly string[];
  /** Whom it is for: the reason given when it is made or rewritten. */
  readonly about: string;
}

/** A jump from a built-in chain into ours. */
export interface Hook {
  readonly table: TableName;
  readonly chain: string;
  readonly rule: string;
  /** Names of hooks that must come first in that chain, where they are there. Otherwise ours is put first. */
  readonly after?: readonly string[];
}

export interface DesiredRules {
  readonly chains: ReadonlyMap<TableName, ReadonlyMap<string, DesiredChain>>;
  readonly hooks: readonly Hook[];
}

export interface RulesPlan {
  readonly changes: readonly Change[];
  /** What iptables-restore gets; empty when there is nothing to do. */
  readonly input: string;
}

/** Chains by table. */
export type ChainNames = ReadonlyMap<TableName, ReadonlySet<string>>;

export interface PlanRulesOptions {
  readonly desired: DesiredRules;
  readonly observed: RuleSet;
  /** Nothing but these chains is looked at: all else, the hooks too, is known to be right. */
  readonly only?: ChainNames | undefined;
  /** Whether a chain of this name is the writer's own. */
  readonly owns: (chain: string) => boolean;
  /**
   * Chains in one block at most. On nf_tables iptables-restore searches its list of chains linearly, so a big load is
   * cut into blocks; on legacy every block copies the whole table, so there it is one.
   */
  readonly blockSize?: number;
}

/** What is to be sent in one table. */
interface Block {
  readonly table: TableName;
  readonly chains: ReadonlyMap<string, readonly string[]>;
  readonly hookLines: readonly string[];
  readonly deleted: readonly string[];
}

interface TablePlan {
  readonly table: TableName;
  /** New content of chains that differ, a chain after those it jumps to. */
  readonly written: ReadonlyMap<string, readonly string[]>;
  readonly deleted: readonly string[];
  readonly addHooks: readonly string[];
  readonly dropHooks: readonly string[];
  readonly changes: readonly Change[];
}

/** The same for two texts of one rule. */
const rulePrint = (rule: string): string => ruleWords(rule).join('\0');

const sameRules = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((rule, index) => sameRule(rule, b[index] ?? ''));

/** Chains sorted so that each comes after the chains it jumps to. */
function targetsFirst(chains: ReadonlyMap<string, readonly string[]>): Map<string, readonly string[]> {
  const sorted = new Map<string, readonly string[]>();
  const visit = (name: string, rules: readonly string[]): void => {
    if (sorted.has(name)) return;
    for (const rule of rules) {
      const target = targetOf(rule);
      const targetRules = target === undefined ? undefined : chains.get(target);
      if (target !== undefined && target !== name && targetRules !== undefined) visit(target, targetRules);
    }
    sorted.set(name, rules);
  };
  for (const [name, rules] of chains) visit(name, rules);
  return sorted;
}

const signature = /--comment "([\w-]+): /;

/** The names that a rule of a built-in chain goes by. */
function hookNames(rule: string): readonly string[] {
  const [, signed] = signature.exec(rule) ?? [];
  return [targetOf(rule), signed].filter((name) => name !== undefined);
}

/** Where in `rules` a hook has to stand: right behind the last of those it follows, or first. From 1, as `-I` counts. */
function placeOf(hook: Hook, rules: readonly string[]): number {
  const after = rules.findLastIndex((rule) => hookNames(rule).some((name) => hook.after?.includes(name)));
  return after + 2;
}

function planHooks(
  table: TableName,
  { desired, observed, owns }: PlanRulesOptions,
): Pick<TablePlan, 'addHooks' | 'dropHooks' | 'changes'> {
  const addHooks: string[] = [];
  const dropHooks: string[] = [];
  const changes: Change[] = [];
  const wanted = desired.hooks.filter((hook) => hook.table === table);
  const satisfied = new Set<Hook>();
  for (const [chain, rules] of observed.get(table) ?? new Map<string, readonly string[]>()) {
    if (owns(chain)) continue;
    for (const [index, rule] of rules.entries()) {
      if (!hookNames(rule).some(owns)) continue;
      const hook = wanted.find((one) => one.chain === chain && sameRule(one.rule, rule));
      if (hook !== undefined && !satisfied.has(hook) && placeOf(hook, rules) <= index + 1) satisfied.add(hook);
      else {
        dropHooks.push(`-D ${chain} ${rule}`);
        changes.push({
          action: 'delete',
          object: `${table} ${chain} jump`,
          reason: hook === undefined ? 'not wanted' : 'wrong place',
        });
      }
    }
  }
  for (const hook of wanted.filter((one) => !satisfied.has(one))) {
    const rules = observed.get(table)?.get(hook.chain) ?? [];
    const left = rules.filter((rule) => !dropHooks.includes(`-D ${hook.chain} ${rule}`));
    addHooks.push(`-I ${hook.chain} ${placeOf(hook, left)} ${hook.rule}`);
    changes.push({ action: 'add', object: `${table} ${hook.chain} jump`, reason: `${hook.rule} is missing` });
  }
  return { addHooks, dropHooks, changes };
}

const noHooks: Pick<TablePlan, 'addHooks' | 'dropHooks' | 'changes'> = { addHooks: [], dropHooks: [], changes: [] };

function planTable(table: TableName, options: PlanRulesOptions): TablePlan {
  const desired = options.desired.chains.get(table) ?? new Map<string, DesiredChain>();
  const observed = options.observed.get(table) ?? new Map<string, readonly string[]>();
  const only = options.only === undefined ? undefined : (options.only.get(table) ?? new Set<string>());
  const written = new Map<string, readonly string[]>();
  const hooks = only === undefined ? planHooks(table, options) : noHooks;
  const changes: Change[] = [];
  for (const name of only ?? desired.keys()) {
    const chain = desired.get(name);
    const old = observed.get(name);
    if (chain === undefined || (old !== undefined && sameRules(old, chain.rules))) continue;
    const { rules, about } = chain;
    written.set(name, rules);
    changes.push({
      action: old === undefined ? 'add' : 'rewrite',
      object: `${table} ${name}`,
      reason: old === undefined ? about : `${about} (${old.length} → ${rules.length} rules)`,
    });
  }
  const there = only === undefined ? observed.keys() : [...only].filter((name) => observed.has(name));
  const deleted = [...there].filter((name) => options.owns(name) && !desired.has(name));
  for (const name of deleted) changes.push({ action: 'delete', object: `${table} ${name}`, reason: 'nobody needs it' });
  return { table, ...hooks, written: targetsFirst(written), deleted, changes: [...changes, ...hooks.changes] };
}

function printBlock({ table, chains, hookLines, deleted }: Block): string {
  if (chains.size === 0 && hookLines.length === 0 && deleted.length === 0) return '';
  const lines = [`*${table}`];
  for (const name of [...chains.keys(), ...deleted]) lines.push(`:${name} - [0:0]`);
  for (const [name, rules] of chains) for (const rule of rules) lines.push(`-A ${name} ${rule}`);
  lines.push(...hookLines, ...deleted.map((name) => `-X ${name}`), 'COMMIT', '');
  return lines.join('\n');
}

/** A table whose chains may be cut into several blocks: chains first, then who leads to them, then what goes away. */
function printInBlocks(plan: TablePlan, blockSize: number): string {
  const entries = [...plan.written];
  const blocks: Block[] = [];
  while (entries.length > blockSize) {
    blocks.push({ table: plan.table, chains: new Map(entries.splice(0, blockSize)), hookLines: [], deleted: [] });
  }
  const hookLines = [...plan.dropHooks, ...plan.addHooks];
  blocks.push({ table: plan.table, chains: new Map(entries), hookLines, deleted: plan.deleted });
  return blocks.map(printBlock).join('');
}

/**
 * The two halves of the filter table around the nat table. A Service that loses its last endpoint is refused before its
 * translation goes, one that wins its first is translated before its refusal goes: so the first half only adds (chains
 * that shrink hold the union of old and new meanwhile), the second takes away.
 */
function splitFilter(plan: TablePlan, observed: RuleSet): { readonly before: Block; readonly after: Block } {
  const grown = new Map<string, readonly string[]>();
  const shrunk = new Map<string, readonly string[]>();
  for (const [name, rules] of plan.written) {
    const old = observed.get(plan.table)?.get(name) ?? [];
    const [before, now] = [new Set(old.map(rulePrint)), new Set(rules.map(rulePrint))];
    const lost = old.filter((rule) => !now.has(rulePrint(rule)));
    const gained = rules.some((rule) => !before.has(rulePrint(rule)));
    if (lost.length === 0) grown.set(name, rules);
    else {
      if (gained) grown.set(name, [...lost, ...rules]);
      shrunk.set(name, rules);
    }
  }
  // A hook that only moves is put at its place first, so that there is always one.
  const { table, addHooks, dropHooks, deleted } = plan;
  const moved = dropHooks.filter((line) => addHooks.some((add) => add.startsWith(`-I ${line.split(' ')[1] ?? ''} `)));
  return {
    before: { table, chains: grown, hookLines: [...moved, ...addHooks], deleted: [] },
    after: { table, chains: shrunk, hookLines: dropHooks.filter((line) => !moved.includes(line)), deleted },
  };
}

/** The whole plan: mangle at once, filter grows, nat changes, filter shrinks; every state between is harmless. */
export function planRules(options: PlanRulesOptions): RulesPlan {
  const mangle = planTable('mangle', options);
  const filter = planTable('filter', options);
  const nat = planTable('nat', options);
  const halves = splitFilter(filter, options.observed);
  return {
    changes: [...mangle.changes, ...filter.changes, ...nat.changes],
    input:
      printInBlocks(mangle, Number.POSITIVE_INFINITY) +
      printBlock(halves.before) +
      printInBlocks(nat, options.blockSize ?? Number.POSITIVE_INFINITY) +
      printBlock(halves.after),
  };
}

/** The rules of a built-in chain with our hooks where they have to stand. */
function hooked(rules: readonly string[], hooks: readonly Hook[], owns: PlanRulesOptions['owns']): readonly string[] {
  const result = rules.filter((rule) => !hookNames(rule).some(owns));
  for (const hook of hooks) result.splice(placeOf(hook, result) - 1, 0, hook.rule);
  return result;
}

/**
 * What the kernel holds of this writer once the plan is applied, so that the next plan needs no read. A plan that looked at
 * a few chains gives back the map it was given, with these changed.
 */
export function observedAfter(options: PlanRulesOptions): RuleSet {
  const { desired, observed, only, owns } = options;
  if (only !== undefined) return observedAfterSome(options, only);
  const result = new Map<string, ReadonlyMap<string, readonly string[]>>(observed);
  for (const table of ['mangle', 'filter', 'nat'] as const) {
    const chains = new Map<string, readonly string[]>();
    const hooks = desired.hooks.filter((hook) => hook.table === table);
    const names = new Set([...(observed.get(table)?.keys() ?? []), ...hooks.map(({ chain }) => chain)]);
    for (const name of names) {
      if (owns(name)) continue;
      const own = hooks.filter(({ chain }) => chain === name);
      chains.set(name, hooked(observed.get(table)?.get(name) ?? [], own, owns));
    }
    for (const [name, { rules }] of desired.chains.get(table) ?? []) chains.set(name, rules);
    result.set(table, chains);
  }
  return result;
}

function observedAfterSome({ desired, observed }: PlanRulesOptions, only: ChainNames): RuleSet {
  for (const [table, names] of only) {
    const chains = observed.get(table) as Map<string, readonly string[]> | undefined;
    for (const name of names) {
      const chain = desired.chains.get(table)?.get(name);
      if (chain === undefined) chains?.delete(name);
      else chains?.set(name, chain.rules);
    }
  }
  return observed;
}
