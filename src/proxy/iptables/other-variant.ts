/** The other variant of iptables: its tables stand beside ours, and neither tool shows those of the other. */
import type { Logger } from '../../api/logger.ts';
import type { Change } from '../../kernel/change.ts';
import { CommandError, type Exec } from '../../kernel/exec.ts';
import type { Family } from '../../kernel/family.ts';
import { inVariant, iptablesBackend, readRules, targetOf, type RuleSet } from '../../kernel/iptables.ts';
import { createRuleWriter } from '../../kernel/rule-writer.ts';
import { ownsChain } from './names.ts';

const otherOf = { nf_tables: 'legacy', legacy: 'nf_tables' } as const;

/** What the other variant holds, and the family with its tools; undefined when that is not installed. */
async function readOther(exec: Exec, family: Family): Promise<Other | undefined> {
  const other = inVariant(family, otherOf[await iptablesBackend(exec, family)]);
  try {
    return { rules: await readRules(exec, other), family: other };
  } catch (error) {
    if (error instanceof CommandError && (error.missing || error.exitCode === 127)) return undefined;
    throw error;
  }
}

interface Other {
  readonly rules: RuleSet;
  readonly family: Family;
}

async function removeOwn(exec: Exec, { rules, family }: Other): Promise<readonly Change[]> {
  const names = [...rules.values()].flatMap((chains) => [...chains.keys()]);
  if (!names.some(ownsChain)) return [];
  return createRuleWriter({ exec, family, owns: ownsChain }).sync({ chains: new Map(), hooks: [] });
}

/** Takes away rules of ours in the other variant: the machine's tools were switched since they were made. */
export async function cleanUpOther(exec: Exec, family: Family): Promise<readonly Change[]> {
  const other = await readOther(exec, family);
  return other === undefined ? [] : removeOwn(exec, other);
}

/** Rules of others that a packet meets there before or after ours: those that the built-in chains of these tables lead to. */
function shadows(rules: RuleSet): string[] {
  return (['nat', 'filter'] as const).flatMap((table) =>
    [...(rules.get(table) ?? [])].flatMap(([chain, list]) =>
      /^[A-Z]+$/.test(chain)
        ? list.filter((rule) => !ownsChain(targetOf(rule) ?? '')).map((rule) => `${table} ${chain} ${rule}`)
        : [],
    ),
  );
}

/**
 * For a proxy that starts: removes what is ours there, and tells the log of what is not. A translation or a DROP there is
 * carried out too, and `iptables-save` does not show it.
 */
export async function lookAtOther(exec: Exec, family: Family, logger: Logger): Promise<void> {
  const other = await readOther(exec, family);
  if (other === undefined) return;
  const removed = await removeOwn(exec, other);
  if (removed.length > 0)
    logger.warn('own rules in the other variant of iptables removed', { changes: removed.length });
  const found = shadows(other.rules);
  if (found.length === 0) return;
  logger.warn('the other variant of iptables has rules that packets meet too, and the usual tools do not show them', {
    see: other.family.save,
    rules: found.length,
    first: found[0],
  });
}
