/** Keeps the rules of one family up to date, Service by Service: what did not change is not made again. Pure. */
import type { TableName } from '../../kernel/iptables.ts';
import type { DesiredChain, DesiredRules } from '../../kernel/plan-iptables.ts';
import type { RuleCounts } from '../back-end.ts';
import type { ServicePort, Table } from '../model/service-port.ts';
import { forwardChain, hooks, postroutingChain } from './fixed-rules.ts';
import { LocalPods } from './local-pods.ts';
import { chains } from './names.ts';
import { portRules } from './port-rules.ts';
import type { RuleSettings } from './settings.ts';
import { createTrees, tableOfTree, type Trees } from './trees.ts';

/** Names of chains that are other ones now. */
export type ChangedNames = ReadonlyMap<TableName, ReadonlySet<string>>;

export interface RuleKeeper {
  /** The rules of what was given last; it changes in place. */
  readonly desired: DesiredRules;
  /** Brings these Services of the table into the rules, or whatever differs when nobody says. */
  update(table: Table, keys?: Iterable<string>): ChangedNames;
  /** Rules that hooks lead to, and the hooks. */
  readonly counts: RuleCounts;
}

const none: readonly ServicePort[] = [];
const countHooks = (name: TableName): number => hooks.filter(({ table }) => table === name).length;

class Keeper implements RuleKeeper {
  readonly desired: DesiredRules;
  readonly #settings: RuleSettings;
  readonly #trees: Trees;
  readonly #localPods: LocalPods;
  readonly #placed = new Map<string, readonly ServicePort[]>();
  readonly #chains = {
    nat: new Map<string, DesiredChain>(),
    filter: new Map<string, DesiredChain>(),
  };
  readonly #totals = { nat: countHooks('nat'), filter: countHooks('filter') };
  #changed = { nat: new Set<string>(), filter: new Set<string>() };

  constructor(settings: RuleSettings) {
    this.#settings = settings;
    this.#trees = createTrees(settings);
    this.#localPods = new LocalPods(settings, this.#trees.hairpin);
    this.#set('nat', chains.postrouting, postroutingChain);
    this.#set('filter', chains.forward, forwardChain(settings));
    this.desired = { chains: new Map(Object.entries(this.#chains) as [TableName, Map<string, DesiredChain>][]), hooks };
    this.#flush();
  }

  update(table: Table, keys: Iterable<string> = new Set([...this.#placed.keys(), ...table.keys()])): ChangedNames {
    this.#changed = { nat: new Set(), filter: new Set() };
    for (const key of keys) {
      const before = this.#placed.get(key) ?? none;
      const after = table.get(key) ?? none;
      if (before === after) continue;
      this.#replace(before, after);
      if (after.length === 0) this.#placed.delete(key);
      else this.#placed.set(key, after);
    }
    this.#flush();
    return new Map(Object.entries(this.#changed) as [TableName, Set<string>][]);
  }

  get counts(): RuleCounts {
    const last = (table: 'nat' | 'filter'): number =>
      [...this.#changed[table]].reduce((sum, name) => sum + (this.#chains[table].get(name)?.rules.length ?? 0), 0);
    return {
      nat: { total: this.#totals.nat, last: last('nat') },
      filter: { total: this.#totals.filter, last: last('filter') },
    };
  }

  #replace(before: readonly ServicePort[], after: readonly ServicePort[]): void {
    for (const port of before) {
      const { placements, chains: own } = portRules(port, this.#settings);
      for (const { tree, value, owner } of placements) this.#trees[tree].set(value, owner, []);
      for (const [name] of own) this.#set('nat', name, undefined);
    }
    for (const port of after) {
      const { placements, chains: own } = portRules(port, this.#settings);
      for (const { tree, value, owner, rules } of placements) this.#trees[tree].set(value, owner, rules);
      for (const [name, chain] of own) this.#set('nat', name, chain);
      this.#localPods.count(port, 1);
    }
    for (const port of before) this.#localPods.count(port, -1);
  }

  #flush(): void {
    for (const [name, tree] of Object.entries(this.#trees) as [keyof Trees, Trees[keyof Trees]][])
      for (const [chain, content] of tree.flush()) this.#set(tableOfTree[name], chain, content);
  }

  #set(table: 'nat' | 'filter', name: string, chain: DesiredChain | undefined): void {
    this.#changed[table].add(name);
    this.#totals[table] += (chain?.rules.length ?? 0) - (this.#chains[table].get(name)?.rules.length ?? 0);
    if (chain === undefined) this.#chains[table].delete(name);
    else this.#chains[table].set(name, chain);
  }
}

/** Rules of an empty table at first. */
export function createRuleKeeper(settings: RuleSettings): RuleKeeper {
  return new Keeper(settings);
}
