/** Services by iptables rules: random choice by `statistic`. */
import { createRuleWriter } from '../../kernel/rule-writer.ts';
import type { BackEnd, BackEndOptions, Mode } from '../back-end.ts';
import { portsOf } from '../model/service-port.ts';
import { ownsChain } from './names.ts';
import { desiredRules } from './plan-rules.ts';

function createIptablesBackEnd({ exec, family, settings }: BackEndOptions): BackEnd {
  const writer = createRuleWriter({ exec, family, owns: ownsChain });
  return {
    sync: ({ table }) =>
      writer.sync(desiredRules({ table: portsOf(table), family, clusterCIDR: settings.clusterCIDR ?? '' })),
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
