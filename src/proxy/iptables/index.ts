/** Services by iptables rules: random choice by `statistic`. */
import { createRuleWriter } from '../../kernel/rule-writer.ts';
import type { Mode } from '../back-end.ts';
import { createIptablesBackEnd } from './back-end.ts';
import { missingFeatures } from './features.ts';
import { ownsChain } from './names.ts';
import { cleanUpOther } from './other-variant.ts';

export const iptablesMode: Mode = {
  name: 'iptables',
  missing: missingFeatures,
  create: createIptablesBackEnd,
  cleanUp: async (exec, family) => {
    const writer = createRuleWriter({ exec, family, owns: ownsChain });
    const removed = await writer.sync({ chains: new Map(), hooks: [] });
    return [...removed, ...(await cleanUpOther(exec, family))];
  },
};
