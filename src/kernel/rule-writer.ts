/** Applies plans of iptables rules: remembers what it wrote, reads the kernel only when it has to. */
import type { Change } from './change.ts';
import type { Exec } from './exec.ts';
import type { Family } from './family.ts';
import { iptablesBackend, readRules, restoreRules, type RuleSet } from './iptables.ts';
import { observedAfter, planRules, type ChainNames, type DesiredRules } from './plan-iptables.ts';

export interface RuleWriterOptions {
  readonly exec: Exec;
  readonly family: Family;
  /** Which chains are this writer's own. */
  readonly owns: (chain: string) => boolean;
}

export interface RuleWriter {
  /**
   * Writes what differs from what is known to be there. Nothing differs: nothing runs. Rejects when the kernel refused. Who
   * knows which chains are other ones than at the last call says so: then nothing else is looked at, unless that call failed.
   */
  sync(desired: DesiredRules, changed?: ChainNames): Promise<readonly Change[]>;
  /**
   * Reads the kernel anew and brings it to what was written last when its turn comes, also by a `sync` that it waited for:
   * what comes back is what somebody else changed, already put right. Nothing before the first `sync` or after a failed one.
   */
  audit(): Promise<readonly Change[]>;
}

/** Chains a block when the back end searches linearly; measured best between 50 and 200. */
const nftBlockSize = 100;

/** What the writers of one namespace share. They take turns: a jump's place depends on the other's jumps. */
interface Shared {
  turn: Promise<unknown>;
  /** Of the programs that wrote, the latest ones; the kernel gives a number to another program after thousands. */
  readonly pids: number[];
}

const all = new WeakMap<Exec, Shared>();
const keptPids = 100;

function sharedBy(exec: Exec): Shared {
  const found = all.get(exec) ?? { turn: Promise.resolve(), pids: [] };
  all.set(exec, found);
  return found;
}

/** Whether a writer of this namespace wrote what the kernel gives notice of. The pid of one that writes now is known when it ends. */
export async function wroteRules(exec: Exec, pid: number): Promise<boolean> {
  const shared = sharedBy(exec);
  if (!shared.pids.includes(pid)) await shared.turn;
  return shared.pids.includes(pid);
}

function inTurn<T>(exec: Exec, work: () => Promise<T>): Promise<T> {
  const shared = sharedBy(exec);
  const result = shared.turn.then(work, work);
  shared.turn = result.catch(() => undefined);
  return result;
}

export function createRuleWriter({ exec, family, owns }: RuleWriterOptions): RuleWriter {
  let known: RuleSet | undefined;
  /** What the kernel had after the latest write, also when another one failed since. */
  let left: RuleSet | undefined;
  let blockSize: number | undefined;
  let written: DesiredRules | undefined;

  const remember = (pid: number | undefined): void => {
    const { pids } = sharedBy(exec);
    if (pid !== undefined) pids.push(pid);
    if (pids.length > keptPids) pids.shift();
  };
  /**
   * A table without anything of what we left there is read once more. Seen once, on a slow machine short of memory: an audit found none of
   * what had just been written, and jumps stood twice afterwards; that the listing was incomplete is the likeliest cause, not a proven one.
   */
  const read = async (): Promise<RuleSet> => {
    const found = await readRules(exec, family);
    const hasOwn = (rules: RuleSet, table: string): boolean => [...(rules.get(table)?.keys() ?? [])].some(owns);
    const isLost = (table: string): boolean => hasOwn(left ?? new Map(), table) && !hasOwn(found, table);
    return [...(left?.keys() ?? [])].some(isLost) ? readRules(exec, family) : found;
  };
  const write = async (desired: DesiredRules, fresh: boolean, changed?: ChainNames): Promise<readonly Change[]> => {
    blockSize ??= (await iptablesBackend(exec, family)) === 'legacy' ? Number.POSITIVE_INFINITY : nftBlockSize;
    const reading = fresh || known === undefined;
    const observed = reading ? await read() : (known ?? new Map());
    const options = { desired, observed, owns, blockSize, only: reading ? undefined : changed };
    const plan = planRules(options);
    // The place of a jump is only true for what is there now.
    if (!reading && plan.input !== '' && plan.changes.some(({ object }) => object.endsWith(' jump'))) {
      return write(desired, true);
    }
    known = undefined;
    if (plan.input !== '') remember(await restoreRules(exec, family, plan.input));
    known = observedAfter(options);
    left = known;
    return plan.changes;
  };
  return {
    sync: (desired, changed) =>
      inTurn(exec, async () => {
        written = undefined;
        const changes = await write(desired, false, changed);
        written = desired;
        return changes;
      }),
    audit: () => inTurn(exec, async () => (written === undefined ? [] : write(written, true))),
  };
}
