/** The iptables mode on paper. */
import type { RuleSet } from '../../kernel/iptables.ts';
import { tracePacket } from '../../kernel/iptables-trace.ts';
import type { ClientMemory } from '../../kernel/traced-packet.ts';
import { observedAfter } from '../../kernel/plan-iptables.ts';
import { ownsChain } from '../iptables/names.ts';
import { desiredRules } from '../iptables/plan-rules.ts';
import { portsOf, type Table } from '../model/service-port.ts';
import type { PaperMode, PaperNode, PaperOptions } from './paper-mode.ts';

/** The rules that the back end makes of a table. */
export function iptablesRules({ family, settings }: PaperOptions, table: Table): RuleSet {
  const desired = desiredRules({ table: portsOf(table), family, ...settings });
  return observedAfter({ desired, observed: new Map(), owns: ownsChain });
}

/** A list of `recent` lives as long as a rule names it. */
function stillNamed(memory: ClientMemory, rules: RuleSet): ClientMemory {
  if (memory.size === 0) return memory;
  const all = [...rules.values()].flatMap((chains) => [...chains.values()]).flat();
  const lists = new Set(all.flatMap((rule) => [...rule.matchAll(/--name (\S+)/g)].map(([, name = '']) => name)));
  return new Map([...memory].filter(([key]) => lists.has(key.slice(0, key.indexOf(' ')))));
}

/** A node with these rules, however they came about. */
export function nodeWithRules(options: PaperOptions, rules: RuleSet, memory: ClientMemory = new Map()): PaperNode {
  return {
    send: (packet, atSeconds) =>
      tracePacket({ rules, addresses: options.addresses }, packet, memory, atSeconds).map((outcome) => ({
        ...outcome,
        then: nodeWithRules(options, rules, outcome.memory),
      })),
    sync: (table) => {
      const next = iptablesRules(options, table);
      return nodeWithRules(options, next, stillNamed(memory, next));
    },
  };
}

export const paperIptables: PaperMode = (options) => nodeWithRules(options, iptablesRules(options, options.table));
