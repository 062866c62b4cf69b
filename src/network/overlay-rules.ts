/** What the overlay needs of iptables. Pure. */
import type { Family } from '../kernel/family.ts';
import { comment } from '../kernel/iptables.ts';
import type { DesiredChain, DesiredRules } from '../kernel/plan-iptables.ts';
import type { TableName } from '../kernel/iptables.ts';
import { overlayName } from './names.ts';
import type { Vtep } from './plan-overlay.ts';

const senderChain = 'PW-NET-VXLAN';
const forgedChain = 'PW-NET-VXLAN-FWD';
const tunnelChain = 'PW-NET-TUNNEL';

export interface SenderRulesInput {
  readonly family: Family;
  readonly port: number;
  /** Those with an address of this family. */
  readonly vteps: readonly Pick<Vtep, 'node' | 'ip'>[];
}

/**
 * Who may send a packet into the tunnel could give it any source inside, a pod's or a node's, past every policy. So only nodes may: on the
 * way in by their address; and nothing that this node forwards (and may masquerade as itself) goes to a node's VXLAN port. In mangle, since
 * nobody's ACCEPT in filter comes before it there.
 */
export function senderRules({ family, port, vteps }: SenderRulesInput): DesiredRules {
  const toPort = `-p udp -m udp --dport ${port}`;
  const senders = [
    ...vteps.map(({ node, ip }) => `-s ${ip}/${family.bits} ${comment(`node ${node} is across`)} -j RETURN`),
    `${comment('podwire: VXLAN from nobody else')} -j DROP`,
  ];
  const forged = vteps.map(
    ({ node, ip }) => `-d ${ip}/${family.bits} ${comment(`only nodes speak VXLAN to node ${node}`)} -j DROP`,
  );
  return {
    chains: new Map([
      [
        'mangle',
        new Map([
          [senderChain, { rules: senders, about: 'who may speak VXLAN to this node' }],
          [forgedChain, { rules: forged, about: 'what is forwarded is not VXLAN of a node' }],
        ]),
      ],
    ]),
    hooks: [
      { table: 'mangle', chain: 'INPUT', rule: `${toPort} ${comment('podwire: VXLAN')} -j ${senderChain}` },
      { table: 'mangle', chain: 'FORWARD', rule: `${toPort} ${comment('podwire: VXLAN')} -j ${forgedChain}` },
    ],
  };
}

/** What enters the tunnel must be answered through it: a router between segments may refuse pods' addresses, and knows no way to them. */
export function tunnelRules({ clusterCIDR }: { readonly clusterCIDR: string }): DesiredRules {
  const rules = [`${comment('podwire: pods across see this node as its pods do')} -j MASQUERADE --random-fully`];
  return {
    chains: new Map([
      ['nat', new Map([[tunnelChain, { rules, about: 'what this node itself sends to pods across' }]])],
    ]),
    hooks: [
      {
        table: 'nat',
        chain: 'POSTROUTING',
        rule: `! -s ${clusterCIDR} -o ${overlayName} ${comment('podwire: not from a pod')} -j ${tunnelChain}`,
      },
    ],
  };
}

/** Rules of several parts, whose chains have different names. */
export function mergeRules(...parts: readonly DesiredRules[]): DesiredRules {
  const chains = new Map<TableName, Map<string, DesiredChain>>();
  for (const part of parts)
    for (const [table, own] of part.chains) chains.set(table, new Map([...(chains.get(table) ?? []), ...own]));
  return { chains, hooks: parts.flatMap(({ hooks }) => hooks) };
}
