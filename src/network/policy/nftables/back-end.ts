/** NetworkPolicy by nftables: one table a family, small transactions, read back only when nobody knows what is there. */
import type { Change } from '../../../kernel/change.ts';
import type { Family } from '../../../kernel/family.ts';
import { createNftWriter } from '../../../kernel/nft-writer.ts';
import { readCounters, readSet, readTable } from '../../../kernel/nft.ts';
import { createTouchWatch, type OnTouched } from '../../../kernel/touch-watch.ts';
import {
  isEmptyTable,
  type DroppedFlow,
  type Drops,
  type PolicyBackEnd,
  type PolicyBackEndOptions,
} from '../back-end.ts';
import { directions, type Direction, type PolicyChanges, type PolicyTable } from '../model/table.ts';
import { objectsOf, type NftObjects } from './objects.ts';
import { changesOf, commandsOf, forwardHookIn, loadCommands, mustReplace, planChange, planWhole } from './plan.ts';
import { droppedSet, stepBehind, stepOf, tableOf } from './structure.ts';

/** See {@link PolicyBackEnd}. */
export function createNftPolicyBackEnd(options: PolicyBackEndOptions): PolicyBackEnd {
  return new NftPolicies(options);
}

class NftPolicies implements PolicyBackEnd {
  readonly #options: PolicyBackEndOptions;
  readonly #family: Family;
  readonly #table;
  readonly #writer;
  readonly #watch;
  /** What was wanted last; undefined after a failure. */
  #wanted: PolicyTable | undefined;
  /** What the kernel has; `nothing` is no table at all, undefined: nobody knows. */
  #written: NftObjects | 'nothing' | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: PolicyBackEndOptions) {
    const { exec, family, signal } = options;
    this.#options = options;
    this.#family = family;
    this.#table = tableOf(family);
    this.#writer = createNftWriter(exec);
    this.#watch = createTouchWatch({
      ...options,
      tables: [this.#table],
      isOurs: ({ port }) => this.#writer.wrote(port),
    });
    signal.addEventListener('abort', () => this.#writer.close(), { once: true });
  }

  sync(table: PolicyTable, changes: PolicyChanges | undefined): Promise<readonly Change[]> {
    return this.#inTurn(async () => {
      this.#wanted = undefined;
      const written = this.#written;
      const isSmall = changes !== undefined && written !== undefined && written !== 'nothing' && !isEmptyTable(table);
      const done =
        isSmall && changes !== undefined && typeof written === 'object'
          ? await this.#change(table, changes, written)
          : await this.#writeWhole(table);
      this.#wanted = table;
      return done;
    });
  }

  audit(): Promise<readonly Change[]> {
    return this.#inTurn(async () => {
      const wanted = this.#wanted;
      if (wanted === undefined || (this.#written !== undefined && this.#watch.isQuiet())) return [];
      this.#watch.clear();
      this.#written = undefined;
      return this.#writeWhole(wanted);
    });
  }

  watch(onTouched: OnTouched): void {
    this.#watch.start(onTouched);
  }

  async readDrops(): Promise<Drops> {
    const { exec } = this.#options;
    if (typeof this.#written !== 'object') return { byProfile: new Map(), flows: [] };
    const byProfile = await readCounters(exec, this.#table);
    const lists = await Promise.all(directions.map((direction) => this.#droppedFlows(direction)));
    return { byProfile, flows: lists.flat() };
  }

  async #droppedFlows(direction: Direction): Promise<DroppedFlow[]> {
    const set = await readSet(this.#options.exec, this.#table, droppedSet(direction));
    return [...(set?.elements ?? [])].flatMap(([key, rest]) => {
      const [source = '', destination = '', protocol, counted] = key.split(' . ');
      const [port] = (counted ?? '').split(' ');
      const packets = /packets (\d+)/.exec(`${counted} ${rest}`)?.[1];
      return [
        {
          direction,
          source,
          destination,
          protocol: Number(protocol),
          port: Number(port),
          packets: Number(packets ?? 0),
        },
      ];
    });
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work, work);
    this.#turn = result.catch(() => undefined);
    return result;
  }

  async #change(table: PolicyTable, changes: PolicyChanges, written: NftObjects): Promise<readonly Change[]> {
    this.#written = undefined;
    const edit = planChange(table, changes, written, this.#family);
    await this.#writer.write(commandsOf(this.#table, edit));
    this.#written = written;
    return changesOf(this.#table, edit);
  }

  /** Nobody isolated and no table: nothing is written, and nothing is read again. */
  async #writeWhole(table: PolicyTable): Promise<readonly Change[]> {
    const isEmpty = isEmptyTable(table);
    if (isEmpty && this.#written === 'nothing') return [];
    const { exec } = this.#options;
    const { family, name } = this.#table;
    const object = `table ${family} ${name}`;
    const isKnownToBeGone = this.#written === 'nothing';
    this.#written = undefined;
    const observed = isKnownToBeGone ? undefined : await readTable(exec, this.#table);
    if (isEmpty) {
      if (observed !== undefined) await this.#writer.write([`delete table ${family} ${name}`]);
      this.#written = 'nothing';
      return observed === undefined ? [] : [{ action: 'delete', object, reason: 'no policy isolates a pod here' }];
    }
    const hook = observed && forwardHookIn(observed);
    const objects = objectsOf(table, this.#family, stepOf(hook));
    if (observed === undefined || mustReplace(objects, observed)) {
      const loaded = observed === undefined ? objects : objectsOf(table, this.#family, stepBehind(hook));
      await this.#writer.write(loadCommands(this.#table, loaded, observed !== undefined));
      this.#written = loaded;
      const reason = observed === undefined ? 'it was not there' : 'its sets or chains were others';
      return [{ action: 'load', object, reason }];
    }
    const counters = new Set((await readCounters(exec, this.#table)).keys());
    const edit = planWhole(objects, observed, counters);
    await this.#writer.write(commandsOf(this.#table, edit));
    this.#written = objects;
    return changesOf(this.#table, edit);
  }
}
