/** NetworkPolicy by iptables: chains a profile, a tree of chains that leads to them, ipset for who is asked about. */
import { parseIP } from '../../../api/addresses.ts';
import type { Change } from '../../../kernel/change.ts';
import type { Family } from '../../../kernel/family.ts';
import { iptablesBackend, type TableName } from '../../../kernel/iptables.ts';
import { isSetInUse, readIpSets, restoreIpSets, type IpSet } from '../../../kernel/ipset.ts';
import type { DesiredChain, DesiredRules } from '../../../kernel/plan-iptables.ts';
import { createRuleWriter, wroteRules } from '../../../kernel/rule-writer.ts';
import { createTouchWatch, type OnTouched } from '../../../kernel/touch-watch.ts';
import {
  isEmptyTable,
  type DroppedFlow,
  type Drops,
  type PolicyBackEnd,
  type PolicyBackEndOptions,
} from '../back-end.ts';
import { directions, type Direction, type PolicyChanges, type PolicyTable } from '../model/table.ts';
import { droppedSet, ownsChain, ownsSet, profileChain, topChain } from './names.ts';
import { createTree, hook, podRules, profileRules, topRules } from './rules.ts';
import { planSets, SetChangePlan, wantedSets, type SetPlan } from './sets.ts';

/** See {@link PolicyBackEnd}. */
export function createIptablesPolicyBackEnd(options: PolicyBackEndOptions): PolicyBackEnd {
  return new IptablesPolicies(options);
}

const nothing: DesiredRules = { chains: new Map(), hooks: [] };
const filterTable: TableName = 'filter';
/** A set that the kernel still holds is tried again after this. */
const destroyAgainMs = 200;
/** So often the rules are read even when nobody seems to have touched them. */
const longestQuietMs = 600_000;
const isBuiltIn = (chain: string): boolean => /^[A-Z]+$/.test(chain);

class IptablesPolicies implements PolicyBackEnd {
  readonly #options: PolicyBackEndOptions;
  readonly #family: Family;
  readonly #writer;
  readonly #watch;
  #trees: Record<Direction, ReturnType<typeof createTree>>;
  #chains = new Map<string, DesiredChain>();
  #wanted: PolicyTable | undefined;
  /** The kernel has what was wanted; `nothing`: it has nothing of ours. */
  #written: 'known' | 'nothing' | undefined;
  #doomed = new Set<string>();
  /** When the rules were audited last. */
  #readAt = Number.NEGATIVE_INFINITY;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: PolicyBackEndOptions) {
    const { exec, family } = options;
    this.#options = options;
    this.#family = family;
    this.#trees = this.#newTrees();
    this.#writer = createRuleWriter({ exec, family, owns: ownsChain });
    this.#watch = createTouchWatch({
      ...options,
      tables: [{ family: family.version === 6 ? 'ip6' : 'ip', name: 'filter' }],
      isOurs: ({ port, chain }) =>
        chain === undefined || ownsChain(chain) || isBuiltIn(chain) ? wroteRules(exec, port) : true,
    });
  }

  sync(table: PolicyTable, changes: PolicyChanges | undefined): Promise<readonly Change[]> {
    return this.#inTurn(async () => {
      this.#wanted = undefined;
      const isSmall = changes !== undefined && this.#written === 'known' && !isEmptyTable(table);
      const done = isSmall ? await this.#change(table, changes) : await this.#writeWhole(table, 'sync');
      this.#wanted = table;
      return done;
    });
  }

  /** The kernel gives no notice of sets, so they are read each time. */
  audit(): Promise<readonly Change[]> {
    return this.#inTurn(async () => {
      if (this.#wanted === undefined || this.#written === 'nothing') return [];
      const now = performance.now();
      const isQuiet = this.#watch.isQuiet() && now < this.#readAt + longestQuietMs;
      this.#watch.clear();
      const changes = await this.#writeWhole(this.#wanted, isQuiet ? 'audit of sets' : 'audit');
      if (!isQuiet) this.#readAt = now;
      return changes;
    });
  }

  /** The nf_tables variant sends notices, the legacy one sends no word. */
  watch(onTouched: OnTouched): void {
    const { exec, logger } = this.#options;
    void iptablesBackend(exec, this.#family).then(
      (variant) => (variant === 'nf_tables' ? this.#watch.start(onTouched) : undefined),
      (error: unknown) => logger.error('the variant of iptables could not be told', { error }),
    );
  }

  async readDrops(): Promise<Drops> {
    if (this.#written !== 'known') return { byProfile: new Map(), flows: [] };
    const { exec } = this.#options;
    const save = this.#family.save;
    const { stdout } = await exec.run({ argv: [save, '-c', '-t', 'filter'], maxOutputBytes: 512 * 1024 * 1024 });
    const rules = stdout.matchAll(/^\[(\d+):\d+\] -A PW-POL-((?:in|out)-[0-9a-f]{12}) .*-j DROP$/gm);
    const byProfile = new Map([...rules].map(([, packets, profile = '']) => [profile, Number(packets)]));
    const sets = await readIpSets(exec);
    const flows = directions.flatMap((direction) => flowsOf(direction, sets.get(droppedSet(this.#family, direction))));
    return { byProfile, flows };
  }

  #newTrees(): Record<Direction, ReturnType<typeof createTree>> {
    return { ingress: createTree('ingress', this.#family), egress: createTree('egress', this.#family) };
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work, work);
    this.#turn = result.catch(() => undefined);
    return result;
  }

  /** Puts pods where they belong in the trees: the names of chains that are other ones now. */
  #updateTrees(table: PolicyTable, ips: Readonly<Record<Direction, Iterable<string>>>): Set<string> {
    const changed = new Set<string>();
    for (const direction of directions) {
      const tree = this.#trees[direction];
      for (const ip of ips[direction]) {
        const value = parseIP(ip)?.value;
        if (value === undefined) continue;
        const isolation = table.isolated[direction].get(ip);
        const rules =
          isolation === undefined ? [] : podRules(direction, ip, isolation.pod, isolation.profile, this.#family);
        tree.set(value, ip, rules);
      }
      for (const [name, chain] of tree.flush()) {
        changed.add(name);
        if (chain === undefined) this.#chains.delete(name);
        else this.#chains.set(name, chain);
      }
    }
    return changed;
  }

  #desired(): DesiredRules {
    return { chains: new Map([[filterTable, this.#chains]]), hooks: [hook] };
  }

  async #change(table: PolicyTable, changes: PolicyChanges): Promise<readonly Change[]> {
    this.#written = undefined;
    const changed = this.#updateTrees(table, changes.isolated);
    for (const name of changes.profiles) {
      const profile = table.profiles.get(name);
      const chain = profileChain(name);
      changed.add(chain);
      if (profile === undefined) this.#chains.delete(chain);
      else this.#chains.set(chain, profileRules(table, profile, this.#family));
    }
    const sets = this.#planSetChange(table, changes);
    const { exec } = this.#options;
    await restoreIpSets(exec, sets.before);
    const rules = changed.size === 0 ? [] : await this.#writer.sync(this.#desired(), new Map([[filterTable, changed]]));
    await restoreIpSets(exec, sets.after);
    await this.#destroy(sets.destroyed);
    this.#written = 'known';
    return [...sets.changes, ...rules];
  }

  #planSetChange(table: PolicyTable, changes: PolicyChanges): SetPlan {
    const plan = new SetChangePlan(table, this.#family);
    for (const name of changes.sets) plan.set(name);
    for (const [name, keys] of changes.members) if (!changes.sets.has(name)) plan.members(name, keys);
    for (const direction of directions) for (const ip of changes.isolated[direction]) plan.isolation(direction, ip);
    // One that waits to be destroyed is wanted again.
    for (const line of plan.before) if (line.startsWith('create ')) this.#doomed.delete(line.split(' ')[1] ?? '');
    return plan;
  }

  #rebuild(table: PolicyTable): void {
    this.#trees = this.#newTrees();
    this.#chains = new Map([[topChain, topRules(this.#family)]]);
    this.#updateTrees(table, { ingress: table.isolated.ingress.keys(), egress: table.isolated.egress.keys() });
    for (const profile of table.profiles.values())
      this.#chains.set(profileChain(profile.name), profileRules(table, profile, this.#family));
  }

  async #writeWhole(table: PolicyTable, how: 'sync' | 'audit' | 'audit of sets'): Promise<readonly Change[]> {
    const isEmpty = isEmptyTable(table);
    if (isEmpty && this.#written === 'nothing') return [];
    this.#written = undefined;
    const { exec } = this.#options;
    const observed = await readIpSets(exec);
    // No set, no rule that asks one: the rules need not be read.
    const isBare = isEmpty && ![...observed.keys()].some((name) => ownsSet(name, this.#family));
    if (isBare) {
      this.#written = 'nothing';
      return [];
    }
    const sets = planSets(wantedSets(table, this.#family), observed, this.#family);
    await restoreIpSets(exec, sets.before);
    if (!isEmpty && how === 'sync') this.#rebuild(table);
    const rules = await this.#writeRules(how, isEmpty);
    await restoreIpSets(exec, sets.after);
    await this.#destroy(sets.destroyed);
    this.#written = isEmpty ? 'nothing' : 'known';
    return [...sets.changes, ...rules];
  }

  #writeRules(how: 'sync' | 'audit' | 'audit of sets', isEmpty: boolean): Promise<readonly Change[]> {
    if (how === 'audit of sets') return Promise.resolve([]);
    return how === 'audit' ? this.#writer.audit() : this.#writer.sync(isEmpty ? nothing : this.#desired());
  }

  async #destroy(names: readonly string[]): Promise<void> {
    for (const name of [...this.#doomed, ...names]) {
      try {
        this.#doomed.delete(name);
        await restoreIpSets(this.#options.exec, [`destroy ${name}`]);
      } catch (error) {
        if (!isSetInUse(error)) throw error;
        this.#doomed.add(name);
      }
    }
    if (this.#doomed.size === 0) return;
    const again = (): Promise<void> => this.#destroy([]).catch((error: unknown) => this.#tellLeft(error));
    setTimeout(() => void (this.#options.signal.aborted ? undefined : this.#inTurn(again)), destroyAgainMs).unref();
  }

  /** An audit finds it again. */
  #tellLeft(error: unknown): void {
    this.#options.logger.warn('a set that no rule asks could not be removed', { error });
  }
}

const numberOf: Readonly<Record<string, number>> = { tcp: 6, udp: 17, sctp: 132 };

function flowsOf(direction: Direction, set: IpSet | undefined): DroppedFlow[] {
  return [...(set?.members ?? [])].flatMap(([key, rest]) => {
    const [source = '', service = '', destination = ''] = key.split(',');
    const [protocol = '', port] = service.split(':');
    const packets = Number(/packets (\d+)/.exec(rest)?.[1] ?? 0);
    return [{ direction, source, destination, protocol: numberOf[protocol] ?? 0, port: Number(port), packets }];
  });
}
