/** The rules that a load-balancing table asks for: data in, data out. */
import type { DesiredRules } from '../../kernel/plan-iptables.ts';
import type { ServicePort } from '../model/service-port.ts';
import { createRuleKeeper } from './rule-keeper.ts';
import type { RuleSettings } from './settings.ts';

export interface RulesInput
  extends Omit<RuleSettings, 'nodePortAddresses'>, Partial<Pick<RuleSettings, 'nodePortAddresses'>> {
  readonly table: readonly ServicePort[];
}

/** The chains and jumps that this table asks for. */
export function desiredRules({ table, family, clusterCIDR, nodePortAddresses }: RulesInput): DesiredRules {
  const keeper = createRuleKeeper({ family, clusterCIDR, nodePortAddresses });
  keeper.update(Map.groupBy(table, ({ service }) => service));
  return keeper.desired;
}
