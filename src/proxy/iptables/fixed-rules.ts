/** Chains and jumps that do not depend on the table. */
import { comment } from '../../kernel/iptables.ts';
import type { DesiredChain, Hook } from '../../kernel/plan-iptables.ts';
import { chains, masqueradeMark } from './names.ts';
import { unmark } from './rule-text.ts';
import type { RuleSettings } from './settings.ts';

export const postroutingChain: DesiredChain = {
  rules: [
    `${comment('podwire: may be a pod reaching itself')} -m conntrack --ctstate DNAT -j ${chains.hairpin}`,
    `${comment('podwire: not marked, keeps its source')} -m mark ! --mark ${masqueradeMark} -j RETURN`,
    unmark('podwire: the mark has done its work'),
    `${comment('podwire: as the node')} -j MASQUERADE --random-fully`,
  ],
  about: 'masquerades what is marked',
};

/** Also guards clients from answers of pods that conntrack does not know; the rule's counter tells how many. */
export function forwardChain({ clusterCIDR, dropsInvalid = true }: RuleSettings): DesiredChain {
  const fromPods = clusterCIDR === undefined ? '' : `-s ${clusterCIDR} `;
  const invalid = `${fromPods}-p tcp ${comment('podwire: would reach the client untranslated')} -m conntrack --ctstate INVALID -j DROP`;
  return {
    rules: [
      ...(dropsInvalid ? [invalid] : []),
      `${comment('podwire: Service traffic from outside')} -m mark --mark ${masqueradeMark} -j ACCEPT`,
      `${comment('podwire: and its answers')} -m conntrack --ctstate RELATED,ESTABLISHED -m conntrack --ctstate DNAT -j ACCEPT`,
    ],
    about: 'lets Service traffic pass where the host forwards nothing by itself',
  };
}

const services = `${comment('podwire: Services')} -j ${chains.services}`;
const refuse = `${comment('podwire: Services without endpoints')} -m conntrack --ctstate NEW -j ${chains.refuse}`;
const forward = `${comment('podwire: Service traffic')} -j ${chains.forward}`;

/** The jumps out of the built-in chains. */
export const hooks: readonly Hook[] = [
  { table: 'nat', chain: 'PREROUTING', rule: services },
  { table: 'nat', chain: 'OUTPUT', rule: services },
  { table: 'nat', chain: 'POSTROUTING', rule: `${comment('podwire: Services')} -j ${chains.postrouting}` },
  // What a policy forbids is nobody's to let pass.
  { table: 'filter', chain: 'FORWARD', rule: forward, after: [chains.refuse, 'PW-POLICY'] },
  { table: 'filter', chain: 'INPUT', rule: refuse },
  { table: 'filter', chain: 'FORWARD', rule: refuse },
  { table: 'filter', chain: 'OUTPUT', rule: refuse },
];
