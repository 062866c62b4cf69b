/** Chains and jumps that do not depend on the table. */
import { comment } from '../../kernel/iptables.ts';
import type { DesiredChain, Hook } from '../../kernel/plan-iptables.ts';
import { chains, masqueradeMark } from './names.ts';
import { unmark } from './rule-text.ts';
import type { RuleSettings } from './settings.ts';

export const postroutingChain: DesiredChain = {
  rules: [
    `-m conntrack --ctstate DNAT ${comment('podwire: may be a pod reaching itself')} -j ${chains.hairpin}`,
    `-m mark ! --mark ${masqueradeMark} ${comment('podwire: not marked, keeps its source')} -j RETURN`,
    unmark('podwire: the mark has done its work'),
    `${comment('podwire: as the node')} -j MASQUERADE --random-fully`,
  ],
  about: 'masquerades what is marked',
};

/** Also guards clients from answers of pods that conntrack does not know; the rule's counter tells how many. */
export function forwardChain({ clusterCIDR, dropsInvalid = true }: RuleSettings): DesiredChain {
  const fromPods = clusterCIDR === undefined ? '' : `-s ${clusterCIDR} `;
  const invalid = `${fromPods}-p tcp -m conntrack --ctstate INVALID ${comment('podwire: would reach the client untranslated')} -j DROP`;
  return {
    rules: [
      ...(dropsInvalid ? [invalid] : []),
      `-m mark --mark ${masqueradeMark} ${comment('podwire: Service traffic from outside')} -j ACCEPT`,
      `-m conntrack --ctstate DNAT -m conntrack --ctstate RELATED,ESTABLISHED ${comment('podwire: and its answers')} -j ACCEPT`,
    ],
    about: 'lets Service traffic pass where the host forwards nothing by itself',
  };
}

const services = `${comment('podwire: Services')} -j ${chains.services}`;
// iptables asks the matches of a rule in their order: every packet of the node meets these, and few are first ones.
const refuse = `-m conntrack --ctstate NEW ${comment('podwire: Services without endpoints')} -j ${chains.refuse}`;
const forward = `${comment('podwire: Service traffic')} -j ${chains.forward}`;

/** What the pod network lets through before all else. */
const knownFlows = 'PW-NET-KNOWN';

/** The jumps out of the built-in chains. */
export const hooks: readonly Hook[] = [
  { table: 'nat', chain: 'PREROUTING', rule: services },
  { table: 'nat', chain: 'OUTPUT', rule: services },
  { table: 'nat', chain: 'POSTROUTING', rule: `${comment('podwire: Services')} -j ${chains.postrouting}` },
  // What a policy forbids is nobody's to let pass.
  { table: 'filter', chain: 'FORWARD', rule: forward, after: [knownFlows, chains.refuse, 'PW-POLICY'] },
  { table: 'filter', chain: 'INPUT', rule: refuse },
  // Behind what the pod network says of flows that are known: those are most packets, and this is about others.
  { table: 'filter', chain: 'FORWARD', rule: refuse, after: [knownFlows] },
  { table: 'filter', chain: 'OUTPUT', rule: refuse },
];
