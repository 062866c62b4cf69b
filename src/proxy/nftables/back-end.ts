/** The nftables mode of one family: small transactions, the table read back only when nobody knows what is there. */
import { tryParseCIDR } from '../../api/addresses.ts';
import type { Change } from '../../kernel/change.ts';
import { createTouchWatch } from '../../kernel/touch-watch.ts';
import { readTable } from '../../kernel/nft.ts';
import { createNftWriter } from '../../kernel/nft-writer.ts';
import type { BackEnd, BackEndOptions, OnTouched, Wanted } from '../back-end.ts';
import type { ServiceChange } from '../model/table-keeper.ts';
import { createLeftoverKeeper, leftForMs } from './leftovers.ts';
import { createLedger } from './ledger.ts';
import { tableOf } from './names.ts';
import { planChange, type Counts } from './plan-change.ts';
import { blockNamed, mustReplace, planTable, replaceCommands, wholeTable } from './plan-table.ts';
import { block, type StructureOptions } from './structure.ts';
import { changesOf, firstCommands, laterCommands, type Edit } from './transaction.ts';

/** See {@link BackEnd}. */
export function createNftablesBackEnd(options: BackEndOptions): BackEnd {
  return new NftablesBackEnd(options);
}

class NftablesBackEnd implements BackEnd {
  readonly #options: BackEndOptions;
  readonly #structure: StructureOptions;
  readonly #table;
  readonly #writer;
  readonly #ledger;
  readonly #leftovers = createLeftoverKeeper();
  readonly #watch;
  #counts: Counts = new Map();
  readonly #blocks = new Set<string>();
  /** The kernel has what the ledger says. */
  #isKnown = false;
  /** The ledger says what was wanted last. */
  #isWanted = false;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: BackEndOptions) {
    const { exec, family, settings, signal } = options;
    this.#options = options;
    const { clusterCIDR: cidr, nodePortAddresses } = settings;
    const clusterCIDR = cidr === undefined ? undefined : tryParseCIDR(cidr);
    this.#structure = { family, clusterCIDR, nodePortAddresses };
    this.#table = tableOf(family);
    this.#writer = createNftWriter(exec);
    this.#ledger = createLedger({ family, clusterCIDR });
    this.#watch = createTouchWatch({
      ...options,
      tables: [this.#table],
      isOurs: ({ port }) => this.#writer.wrote(port),
    });
    signal.addEventListener('abort', () => this.#writer.close(), { once: true });
  }

  sync({ table, changes }: Wanted): Promise<readonly Change[]> {
    return this.#inTurn(async () => {
      this.#isWanted = false;
      let written: readonly Change[];
      if (changes !== undefined && this.#isKnown) written = await this.#change(changes);
      else {
        const observed = await readTable(this.#options.exec, this.#table);
        this.#ledger.rebuild(table, observed);
        written = await this.#writeWhole(observed);
      }
      this.#isWanted = true;
      return written;
    });
  }

  audit(): Promise<readonly Change[]> {
    return this.#inTurn(async () => {
      if (!this.#isWanted || (this.#isKnown && this.#watch.isQuiet())) return [];
      this.#watch.clear();
      await this.#clearLeftovers();
      return this.#writeWhole(await readTable(this.#options.exec, this.#table));
    });
  }

  watch(onTouched: OnTouched): void {
    this.#watch.start(onTouched);
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work, work);
    this.#turn = result.catch(() => undefined);
    return result;
  }

  async #change(changes: readonly ServiceChange[]): Promise<readonly Change[]> {
    this.#isKnown = false;
    const planned = planChange(this.#ledger.change(changes), this.#counts);
    const edit = this.#leftovers.reconcile(this.#withBlocks(planned));
    await this.#write(edit);
    return changesOf(this.#table, edit);
  }

  /** The first port with so many endpoints brings their chains along. */
  #withBlocks(edit: Edit): Edit {
    const names = new Set(edit.added.map(({ set }) => set).filter((set) => !this.#blocks.has(set)));
    const made = [...names].flatMap((name) => {
      const found = blockNamed(name);
      if (found === undefined) return [];
      this.#blocks.add(name);
      return [block(found.largest, found.isNode, this.#structure)];
    });
    if (made.length === 0) return edit;
    return {
      ...edit,
      newSets: [...made.flatMap(({ sets }) => sets), ...edit.newSets],
      newChains: [...made.flatMap(({ chains }) => chains), ...edit.newChains],
    };
  }

  async #write(edit: Edit): Promise<void> {
    await this.#writer.write(firstCommands(this.#table, edit));
    this.#isKnown = true;
    this.#leftovers.add(edit);
    if (!this.#leftovers.isEmpty())
      setTimeout(() => void this.#inTurn(() => this.#clearLeftovers()), leftForMs).unref();
  }

  async #clearLeftovers(): Promise<void> {
    if (this.#leftovers.isEmpty() || this.#options.signal.aborted) return;
    try {
      await this.#writer.write(laterCommands(this.#table, this.#leftovers.take()));
    } catch (error) {
      // Somebody else was quicker: the next sync or audit reads what is there.
      this.#isKnown = false;
      this.#options.onCleanUpFailed?.();
      this.#options.logger.warn('what is left of endpoints could not be removed, the table will be read', { error });
    }
  }

  async #writeWhole(observed: Awaited<ReturnType<typeof readTable>>): Promise<readonly Change[]> {
    this.#isKnown = false;
    this.#leftovers.take();
    const whole = wholeTable(this.#ledger.objects(), observed, this.#structure);
    this.#counts = whole.counts;
    this.#blocks.clear();
    for (const name of whole.sets.keys()) if (blockNamed(name) !== undefined) this.#blocks.add(name);
    if (observed === undefined || mustReplace(whole, observed)) {
      await this.#writer.write(replaceCommands(this.#table, whole, observed));
      this.#isKnown = true;
      const elements = [...whole.elements.values()].reduce((sum, { size }) => sum + size, 0);
      const { family, name } = this.#table;
      const reason = observed === undefined ? 'it was not there' : 'its maps or chains were others';
      return [{ action: 'load', object: `table ${family} ${name}`, reason: `${reason}; ${elements} elements` }];
    }
    const edit = planTable(whole, observed);
    await this.#write(edit);
    return changesOf(this.#table, edit);
  }
}
