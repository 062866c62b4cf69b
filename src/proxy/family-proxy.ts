/** The Services of one family on this node: its table, its back end, its flows. */
import type { Logger } from '../api/logger.ts';
import { printChanges, type Change } from '../kernel/change.ts';
import type { BackEnd } from './back-end.ts';
import type { FlowKeeper } from './flows/flow-keeper.ts';
import type { FamilyMetrics } from './metrics/proxy-metrics.ts';
import { createTableKeeper, type ObjectSource, type ServiceChange } from './model/table-keeper.ts';
import type { Family } from '../kernel/family.ts';

export interface FamilyProxyOptions {
  readonly family: Family;
  readonly source: ObjectSource;
  readonly backEnd: BackEnd;
  /** Undefined where the back end tells it by itself. */
  readonly flows: FlowKeeper | undefined;
  readonly metrics: FamilyMetrics;
  readonly logger: Logger;
}

/** What a commit is about. */
export interface CommitFacts {
  /** Services to be looked at again. */
  readonly dirty: ReadonlySet<string> | 'all';
  /** When what led to it began (ms since 1970). */
  readonly triggered: readonly number[];
}

/** Calls wait for each other. */
export interface FamilyProxy {
  /** Resolves when the kernel is as the objects say of these Services. Rejects when it refused; the next one starts from what is there. */
  commit(facts: CommitFacts): Promise<void>;
  /** What somebody else changed, already put right. */
  audit(): Promise<readonly Change[]>;
}

/** Lines of a plan that go to the log. */
const loggedLines = 20;

/** Nothing happens before the first commit. */
export function createFamilyProxy(options: FamilyProxyOptions): FamilyProxy {
  const { family, source, backEnd, flows, metrics, logger } = options;
  const keeper = createTableKeeper(source, family);
  let isKnown = false;
  /** Changes of the table that the kernel does not have yet: more than one commit's, after a failure. */
  let unwritten: ServiceChange[] = [];
  let turn: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const result = turn.then(work, work);
    turn = result;
    return result;
  };
  const log = (written: readonly Change[], ms: number): void => {
    const plan = printChanges(written.slice(0, loggedLines));
    logger.info('rules written', { family: family.name, changes: written.length, ms: Math.round(ms), plan });
  };
  const commit = async ({ dirty, triggered }: CommitFacts): Promise<void> => {
    const started = performance.now();
    const changes = keeper.update(dirty);
    for (const change of changes) unwritten.push(change);
    if (isKnown && changes.length === 0) return;
    const full = !isKnown;
    isKnown = false;
    const written = await backEnd.sync({ table: keeper.table, changes: full ? undefined : changes }).catch((error) => {
      metrics.failed({ full });
      throw error;
    });
    isKnown = true;
    const durationMs = performance.now() - started;
    if (backEnd.rules !== undefined) metrics.rules(backEnd.rules());
    metrics.written({ full, durationMs, changes: unwritten, triggered });
    flows?.written(unwritten);
    unwritten = [];
    if (written.length > 0) log(written, durationMs);
  };
  return {
    commit: (facts) => inTurn(() => commit(facts)),
    audit: () => inTurn(() => backEnd.audit()),
  };
}
