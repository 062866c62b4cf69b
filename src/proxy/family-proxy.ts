/** The Services of one family on this node: its table, its back end, its flows. */
import type { Logger } from '../api/logger.ts';
import { printChanges, type Change } from '../kernel/change.ts';
import type { BackEnd } from './back-end.ts';
import type { FlowKeeper } from './flows/flow-keeper.ts';
import { createTableKeeper, type ObjectSource } from './model/table-keeper.ts';
import type { Family } from '../kernel/family.ts';

export interface FamilyProxyOptions {
  readonly family: Family;
  readonly source: ObjectSource;
  readonly backEnd: BackEnd;
  readonly flows: FlowKeeper;
  readonly logger: Logger;
}

/** Calls wait for each other. */
export interface FamilyProxy {
  /** Brings the kernel to what the objects say of these Services. Rejects when the kernel refused; the next one starts from what is there. `onWritten` is told before flows are looked at. */
  commit(dirty: ReadonlySet<string> | 'all', onWritten: () => void): Promise<void>;
  /** What somebody else changed, already put right. */
  audit(): Promise<readonly Change[]>;
}

/** Lines of a plan that go to the log. */
const loggedLines = 20;

/** Nothing happens before the first commit. */
export function createFamilyProxy({ family, source, backEnd, flows, logger }: FamilyProxyOptions): FamilyProxy {
  const keeper = createTableKeeper(source, family);
  let isKnown = false;
  let turn: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const result = turn.then(work, work);
    turn = result;
    return result;
  };
  const commit = async (dirty: ReadonlySet<string> | 'all', onWritten: () => void): Promise<void> => {
    const started = performance.now();
    const changes = keeper.update(dirty);
    const wanted = { table: keeper.table, changes: isKnown ? changes : undefined };
    if (isKnown && changes.length === 0) return onWritten();
    isKnown = false;
    const written = await backEnd.sync(wanted);
    isKnown = true;
    onWritten();
    if (written.length > 0) {
      const plan = printChanges(written.slice(0, loggedLines));
      const ms = Math.round(performance.now() - started);
      logger.info('rules written', { family: family.name, changes: written.length, ms, plan });
    }
    await flows.reconcile(wanted);
  };
  return {
    commit: (dirty, onWritten) => inTurn(() => commit(dirty, onWritten)),
    audit: () => inTurn(() => backEnd.audit()),
  };
}
