/** The iptables mode of one family: one restore a change, and the kernel is read only at start and when others touched it. */
import type { Change } from '../../kernel/change.ts';
import { iptablesBackend } from '../../kernel/iptables.ts';
import { createRuleWriter, wroteRules } from '../../kernel/rule-writer.ts';
import { readSysctls } from '../../kernel/sysctl.ts';
import type { BackEnd, BackEndOptions, OnTouched, RuleCounts, Wanted } from '../back-end.ts';
import { createTouchWatch } from '../../kernel/touch-watch.ts';
import { ownsChain } from './names.ts';
import { lookAtOther } from './other-variant.ts';
import { createRuleKeeper, type RuleKeeper } from './rule-keeper.ts';

/** So often the kernel is read even when nobody seems to have touched it. */
const longestQuietMs = 600_000;

/** Chains that hooks of ours stand in: `PREROUTING`. */
const isBuiltIn = (chain: string): boolean => /^[A-Z]+$/.test(chain);

const liberal = 'net.netfilter.nf_conntrack_tcp_be_liberal';

/** See {@link BackEnd}. */
export function createIptablesBackEnd(options: BackEndOptions): BackEnd {
  return new IptablesBackEnd(options);
}

class IptablesBackEnd implements BackEnd {
  readonly #options: BackEndOptions;
  readonly #writer;
  #keeper: RuleKeeper | undefined;
  #hasLooked = false;
  readonly #watch;
  /** The kernel was brought to what is wanted. */
  #isSynced = false;
  /** When the kernel was read last. */
  #readAt = Number.NEGATIVE_INFINITY;

  constructor(options: BackEndOptions) {
    const { exec, family } = options;
    this.#options = options;
    this.#writer = createRuleWriter({ exec, family, owns: ownsChain });
    const tables = ['nat', 'filter'].map((name) => ({ family: family.version === 6 ? 'ip6' : 'ip', name }) as const);
    this.#watch = createTouchWatch({
      ...options,
      tables,
      isOurs: ({ port, chain }) =>
        chain === undefined || ownsChain(chain) || isBuiltIn(chain) ? wroteRules(exec, port) : true,
    });
  }

  async sync({ table, changes }: Wanted): Promise<readonly Change[]> {
    this.#keeper ??= await this.#createKeeper();
    const keys = changes?.map(({ key }) => key);
    const changed = this.#keeper.update(table, keys);
    const started = performance.now();
    const isFirst = !this.#isSynced;
    this.#isSynced = false;
    const written = await this.#writer.sync(this.#keeper.desired, changed);
    this.#isSynced = true;
    if (isFirst) this.#readAt = started;
    if (!this.#hasLooked) await this.#look();
    return written;
  }

  async audit(): Promise<readonly Change[]> {
    const now = performance.now();
    if (!this.#isSynced || (this.#watch.isQuiet() && now < this.#readAt + longestQuietMs)) return [];
    this.#watch.clear();
    this.#readAt = Number.NEGATIVE_INFINITY;
    const changes = await this.#writer.audit();
    this.#readAt = now;
    return changes;
  }

  /** The nf_tables variant sends notices, the legacy one sends no word. */
  watch(onTouched: OnTouched): void {
    const { exec, family, logger } = this.#options;
    void iptablesBackend(exec, family).then(
      (variant) => (variant === 'nf_tables' ? this.#watch.start(onTouched) : undefined),
      (error: unknown) => logger.error('the variant of iptables could not be told', { error }),
    );
  }

  rules(): RuleCounts {
    return this.#keeper?.counts ?? {};
  }

  async #createKeeper(): Promise<RuleKeeper> {
    const { exec, family, settings } = this.#options;
    const isLiberal = settings.conntrackIsLiberal ?? (await readSysctls(exec, [liberal])).get(liberal) === '1';
    return createRuleKeeper({ family, ...settings, dropsInvalid: !isLiberal });
  }

  /** Once our rules are in: what the other variant of iptables has. */
  async #look(): Promise<void> {
    this.#hasLooked = true;
    const { exec, family, logger } = this.#options;
    await lookAtOther(exec, family, logger).catch((error: unknown) =>
      logger.error('the other variant of iptables could not be read', { error }),
    );
  }
}
