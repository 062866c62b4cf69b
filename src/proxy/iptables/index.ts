/** Services by iptables rules: random choice by `statistic`. */
import { createRuleWriter } from '../../kernel/rule-writer.ts';
import type { BackEnd, BackEndOptions, Mode } from '../back-end.ts';
import { ownsChain } from './names.ts';
import { createRuleKeeper } from './rule-keeper.ts';

function createIptablesBackEnd({ exec, family, settings }: BackEndOptions): BackEnd {
  const writer = createRuleWriter({ exec, family, owns: ownsChain });
  const keeper = createRuleKeeper({ family, ...settings });
  return {
    sync: ({ table, changes }) =>
      writer.sync(
        keeper.desired,
        keeper.update(
          table,
          changes?.map(({ key }) => key),
        ),
      ),
    audit: () => writer.audit(),
  };
}

export const iptablesMode: Mode = {
  name: 'iptables',
  missing: () => Promise.resolve([]),
  create: createIptablesBackEnd,
  cleanUp: async (exec, family) => {
    const writer = createRuleWriter({ exec, family, owns: ownsChain });
    return writer.sync({ chains: new Map(), hooks: [] });
  },
};
