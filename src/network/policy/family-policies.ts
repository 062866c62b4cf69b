/** NetworkPolicies of one family on this node: its table, its back end, its flows. */
import type { Logger } from '../../api/logger.ts';
import { printChanges, type Change } from '../../kernel/change.ts';
import type { Exec } from '../../kernel/exec.ts';
import type { Family } from '../../kernel/family.ts';
import type { OnTouched } from '../../kernel/touch-watch.ts';
import type { Drops, PolicyMode } from './back-end.ts';
import { createFlowCutter, type FlowCutter } from './flows.ts';
import { createPolicyKeeper, type PolicyKeeper } from './model/keeper.ts';
import { directions, type PolicyChanges, type PolicyTable } from './model/table.ts';

/** Lines of a plan that go to the log. */
const loggedLines = 20;

export interface FamilyPoliciesOptions {
  readonly exec: Exec;
  readonly family: Family;
  readonly mode: PolicyMode;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

function isNothing({ sets, members, profiles, isolated }: PolicyChanges): boolean {
  return (
    sets.size + members.size + profiles.size === 0 && directions.every((direction) => isolated[direction].size === 0)
  );
}

/** Never called twice at a time. */
export class FamilyPolicies {
  readonly keeper: PolicyKeeper;
  readonly #family: Family;
  readonly #logger: Logger;
  readonly #backEnd;
  readonly #flows: FlowCutter;
  #isKnown = false;
  /** Something was forbidden since the flows were looked at last. */
  #isNarrowed = true;

  constructor(options: FamilyPoliciesOptions) {
    const { family, mode, logger } = options;
    this.keeper = createPolicyKeeper(family.version);
    this.#family = family;
    this.#logger = logger;
    this.#backEnd = mode.create(options);
    this.#flows = createFlowCutter({ ...options, table: () => this.keeper.table });
  }

  get version(): 4 | 6 {
    return this.#family.version;
  }

  get table(): PolicyTable {
    return this.keeper.table;
  }

  get isIsolating(): boolean {
    return directions.some((direction) => this.table.isolated[direction].size > 0);
  }

  /** Resolves when the kernel is as the objects say. Rejects when it refused; the next one starts from what is there. */
  async commit(): Promise<void> {
    const changes = this.keeper.takeChanges();
    if (changes.narrowed.size > 0) this.#isNarrowed = true;
    if (this.#isKnown && isNothing(changes)) return;
    const full = !this.#isKnown;
    this.#isKnown = false;
    const started = performance.now();
    const written = await this.#backEnd.sync(this.table, full ? undefined : changes);
    this.#isKnown = true;
    if (written.length > 0) this.#log(written, performance.now() - started);
    if (this.#isNarrowed && this.isIsolating) this.#flows.look();
    this.#isNarrowed = false;
  }

  audit(): Promise<readonly Change[]> {
    return this.#backEnd.audit();
  }

  watch(onTouched: OnTouched): void {
    this.#backEnd.watch(onTouched);
  }

  readDrops(): Promise<Drops> {
    return this.#backEnd.readDrops();
  }

  #log(written: readonly Change[], ms: number): void {
    const plan = printChanges(written.slice(0, loggedLines));
    const facts = { family: this.#family.name, changes: written.length, ms: Math.round(ms), plan };
    this.#logger.info('policies written', facts);
  }
}
