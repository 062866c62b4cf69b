/** The rules that one Service port asks for, and where in the trees they stand. Pure. */
import { parseIP } from '../../api/addresses.ts';
import { comment } from '../../kernel/iptables.ts';
import type { DesiredChain } from '../../kernel/plan-iptables.ts';
import { portKey, type Endpoint, type Protocol, type ServicePort } from '../model/service-port.ts';
import { endpointRules } from './endpoint-rules.ts';
import { externalChain, firewallChain, hasExternalChain, isExternal } from './external-rules.ts';
import { chainsOf } from './names.ts';
import { fateOf, refusal } from './refusals.ts';
import { toAddress, toPort } from './rule-text.ts';
import type { RuleSettings } from './settings.ts';

/** The trees by what their values are. */
export type TreeName = 'services' | 'nodePorts' | 'refuse' | 'refusePorts';

/** Rules for one value of a tree. */
export interface Placement {
  readonly tree: TreeName;
  readonly value: bigint;
  /** Unique among the rules of that value, and their order. */
  readonly owner: string;
  readonly rules: readonly string[];
}

export interface PortRules {
  readonly placements: readonly Placement[];
  /** Chains of its own, in the nat table. */
  readonly chains: readonly (readonly [name: string, chain: DesiredChain])[];
}

/** A port with more endpoints has a chain of its own: its rules would be in the way of its neighbours'. */
const inlineEndpoints = 32;

/** Whether its rules stand in the tree themselves. */
function isPlain(port: ServicePort): boolean {
  const { internalPolicy, affinitySeconds, endpoints } = port;
  const count = endpoints.length;
  return internalPolicy === 'Cluster' && affinitySeconds === undefined && !isExternal(port) && count <= inlineEndpoints;
}

const protocols: readonly Protocol[] = ['tcp', 'udp', 'sctp'];

/** A port number behind its protocol, as a value of the trees by port. */
export const portValue = (protocol: Protocol, port: number): bigint =>
  (BigInt(protocols.indexOf(protocol)) << 16n) | BigInt(port);

/** The protocol of such a value. */
export const protocolOf = (value: bigint): Protocol => protocols[Number(value >> 16n)] ?? 'tcp';

/** On one address several Services may claim a port: a cluster IP goes before a balancer's address, that before an external IP. */
type Claim = 'cluster IP' | 'load balancer' | 'external IP' | 'node port';
const ranks: readonly Claim[] = ['cluster IP', 'load balancer', 'external IP', 'node port'];

class Placements {
  readonly list: Placement[] = [];
  readonly #key: string;

  constructor(port: ServicePort) {
    this.#key = portKey(port);
  }

  at(tree: TreeName, value: bigint, claim: Claim, rules: readonly string[]): void {
    if (rules.length > 0) this.list.push({ tree, value, owner: `${ranks.indexOf(claim)} ${this.#key}`, rules });
  }

  onAddress(tree: 'services' | 'refuse', address: string, claim: Claim, rules: readonly string[]): void {
    this.at(tree, parseIP(address)?.value ?? 0n, claim, rules);
  }
}

function clusterRules(port: ServicePort, ip: string, { family }: RuleSettings): readonly string[] {
  const matches = `${toAddress(family, ip)} ${toPort(port.protocol, port.port)}`;
  if (isPlain(port)) return endpointRules(family, port, port.endpoints, matches);
  const { all, local } = chainsOf(port);
  return [`${matches} ${comment(`${port.name} cluster IP`)} -j ${port.internalPolicy === 'Local' ? local : all}`];
}

function placeCluster(port: ServicePort, settings: RuleSettings, into: Placements): void {
  const fate = fateOf(port.internalPolicy, port);
  for (const ip of port.clusterIPs) {
    if (fate === undefined) into.onAddress('services', ip, 'cluster IP', clusterRules(port, ip, settings));
    else {
      const to = `${toAddress(settings.family, ip)} `;
      into.onAddress('refuse', ip, 'cluster IP', [refusal(settings.family, port, fate, to)]);
    }
  }
}

function placeExternalIPs(port: ServicePort, { family }: RuleSettings, into: Placements): void {
  const fate = fateOf(port.externalPolicy, port);
  for (const ip of port.externalIPs) {
    const matches = `${toAddress(family, ip)} ${toPort(port.protocol, port.port)}`;
    const rule = `${matches} ${comment(`${port.name} external IP`)} -j ${chainsOf(port).external}`;
    if (hasExternalChain(port)) into.onAddress('services', ip, 'external IP', [rule]);
    if (fate !== undefined)
      into.onAddress('refuse', ip, 'external IP', [refusal(family, port, fate, `${toAddress(family, ip)} `)]);
  }
}

function placeBalancer(port: ServicePort, { family }: RuleSettings, into: Placements): void {
  const { sourceRanges: ranges } = port;
  const fate = fateOf(port.externalPolicy, port);
  for (const ip of port.loadBalancerIPs) {
    const { external, firewall } = chainsOf(port);
    const to = `${toAddress(family, ip)} `;
    const about = comment(`${port.name} load balancer`);
    const rule = `${to}${toPort(port.protocol, port.port)} ${about} -j ${ranges === undefined ? external : firewall}`;
    if (hasExternalChain(port) && ranges?.length !== 0) into.onAddress('services', ip, 'load balancer', [rule]);
    const refusals =
      ranges === undefined
        ? fate === undefined
          ? []
          : [refusal(family, port, fate, to)]
        : [
            ...(fate === 'refuse' ? ranges.map((range) => refusal(family, port, fate, `-s ${range} ${to}`)) : []),
            refusal(family, port, 'drop', to, port.port, 'not from an allowed source'),
          ];
    into.onAddress('refuse', ip, 'load balancer', refusals);
  }
}

function placeNodePort(port: ServicePort, { family }: RuleSettings, into: Placements): void {
  const { nodePort, protocol, name } = port;
  if (nodePort === undefined) return;
  const value = portValue(protocol, nodePort);
  const fate = fateOf(port.externalPolicy, port);
  const rule = `${toPort(protocol, nodePort)} ${comment(`${name} node port`)} -j ${chainsOf(port).external}`;
  if (hasExternalChain(port)) into.at('nodePorts', value, 'node port', [rule]);
  if (fate !== undefined) into.at('refusePorts', value, 'node port', [refusal(family, port, fate, '', nodePort)]);
}

/** The chains of a port that is not plain. Only those that something leads to. */
function ownChains(port: ServicePort, settings: RuleSettings): [string, DesiredChain][] {
  const { endpoints, localEndpoints, internalPolicy, externalPolicy } = port;
  const names = chainsOf(port);
  const hasExternal = hasExternalChain(port);
  const balance = (to: readonly Endpoint[]): DesiredChain => ({
    rules: endpointRules(settings.family, port, to),
    about: `for ${port.name}`,
  });
  const chains: [string, DesiredChain][] = [];
  const usesLocal = internalPolicy === 'Local' || (hasExternal && externalPolicy === 'Local');
  if (endpoints.length > 0 && (internalPolicy === 'Cluster' || hasExternal))
    chains.push([names.all, balance(endpoints)]);
  if (localEndpoints.length > 0 && usesLocal) chains.push([names.local, balance(localEndpoints)]);
  if (hasExternal) chains.push([names.external, externalChain(port, settings)]);
  if (hasExternal && port.loadBalancerIPs.length > 0 && port.sourceRanges !== undefined && port.sourceRanges.length > 0)
    chains.push([names.firewall, firewallChain(port, settings)]);
  return chains;
}

/** Everything of one port but what its local pods need. */
export function portRules(port: ServicePort, settings: RuleSettings): PortRules {
  const into = new Placements(port);
  placeCluster(port, settings, into);
  placeExternalIPs(port, settings, into);
  placeBalancer(port, settings, into);
  placeNodePort(port, settings, into);
  return { placements: into.list, chains: isPlain(port) ? [] : ownChains(port, settings) };
}
