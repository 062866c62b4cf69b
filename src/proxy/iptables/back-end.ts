/** The iptables mode of one family: one restore a change, and the kernel is read only at start and when others touched it. */
import type { Change } from '../../kernel/change.ts';
import { createRuleWriter } from '../../kernel/rule-writer.ts';
import { readSysctls } from '../../kernel/sysctl.ts';
import type { BackEnd, BackEndOptions, Wanted } from '../back-end.ts';
import { ownsChain } from './names.ts';
import { lookAtOther } from './other-variant.ts';
import { createRuleKeeper, type RuleKeeper } from './rule-keeper.ts';

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

  constructor(options: BackEndOptions) {
    const { exec, family } = options;
    this.#options = options;
    this.#writer = createRuleWriter({ exec, family, owns: ownsChain });
  }

  async sync({ table, changes }: Wanted): Promise<readonly Change[]> {
    this.#keeper ??= await this.#createKeeper();
    const keys = changes?.map(({ key }) => key);
    const written = await this.#writer.sync(this.#keeper.desired, this.#keeper.update(table, keys));
    if (!this.#hasLooked) await this.#look();
    return written;
  }

  audit(): Promise<readonly Change[]> {
    return this.#writer.audit();
  }

  async #createKeeper(): Promise<RuleKeeper> {
    const { exec, family, settings } = this.#options;
    const values = await readSysctls(exec, [liberal]);
    return createRuleKeeper({ family, ...settings, dropsInvalid: values.get(liberal) !== '1' });
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
