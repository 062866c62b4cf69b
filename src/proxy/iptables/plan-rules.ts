/**
 * The rules that a load-balancing table asks for: data in, data out. Text is in the very form that iptables-save prints, so
 * that what is read back compares equal.
 */
import { parseCIDR, contains } from '../../api/addresses.ts';
import type { Family } from '../../kernel/family.ts';
import { comment, oneIn } from '../../kernel/iptables.ts';
import type { DesiredChain, DesiredRules, Hook } from '../../kernel/plan-iptables.ts';
import type { Endpoint, ServicePort } from '../model/service-port.ts';
import { chains, chainsOf, clearMark, masqueradeMark } from './names.ts';
import { planDispatch, type AddressRules } from './plan-dispatch.ts';

export interface RulesInput {
  readonly table: readonly ServicePort[];
  readonly family: Family;
  /** Addresses of all pods: traffic from elsewhere to a ClusterIP is masqueraded. */
  readonly clusterCIDR: string;
}

type Chains = Map<string, DesiredChain>;

const toPort = (protocol: string, port: number): string => `-p ${protocol} -m ${protocol} --dport ${port}`;
const toAddress = (family: Family, address: string): string => `-d ${address}/${family.bits}`;
const endpointText = (family: Family, { ip, port }: Endpoint): string =>
  family.version === 6 ? `[${ip}]:${port}` : `${ip}:${port}`;

/** One rule an endpoint: the first takes one in n, the next one in n-1 of the rest, the last all that is left. */
function balance(family: Family, { name, protocol }: ServicePort, endpoints: readonly Endpoint[]): string[] {
  return endpoints.map((endpoint, index) => {
    const left = endpoints.length - index;
    const target = endpointText(family, endpoint);
    const about = comment(`${name} -> ${target}${endpoint.pod === '' ? '' : ` ${endpoint.pod}`}`);
    const chance = left === 1 ? '' : ` ${oneIn(left)}`;
    return `-p ${protocol} ${about}${chance} -j DNAT --to-destination ${target}`;
  });
}

const usesLocal = ({ internalPolicy, externalPolicy }: ServicePort): boolean =>
  internalPolicy === 'Local' || externalPolicy === 'Local';
const isExternal = ({ nodePort, externalIPs }: ServicePort): boolean =>
  nodePort !== undefined || externalIPs.length > 0;

/** How traffic for NodePorts and external addresses comes in. */
function externalRules(port: ServicePort, clusterCIDR: string): string[] {
  const { all, local } = chainsOf(port);
  const { name } = port;
  if (port.externalPolicy === 'Cluster') {
    const why = `${name}: the answer must come back through this node`;
    return [`${comment(why)} -j ${chains.markMasquerade}`, `${comment(name)} -j ${all}`];
  }
  const inside = [
    `-s ${clusterCIDR} ${comment(`${name}: pods may use every endpoint`)} -j ${all}`,
    `${comment(`${name}: so may this node`)} -m addrtype --src-type LOCAL -j ${chains.markMasquerade}`,
    `${comment(`${name}: so may this node`)} -m addrtype --src-type LOCAL -j ${all}`,
  ];
  const outside = `${comment(`${name}: others stay on this node`)} -j ${local}`;
  // A chain that is not there cannot be led to: with no endpoint here the filter table drops what is left.
  return [...(port.endpoints.length > 0 ? inside : []), ...(port.localEndpoints.length > 0 ? [outside] : [])];
}

/** The chains of one Service port that has endpoints. */
function portChains(port: ServicePort, { family, clusterCIDR }: RulesInput, into: Chains): void {
  const { all, local, external } = chainsOf(port);
  const about = `for ${port.name}`;
  if (port.endpoints.length > 0) {
    const foreign = `! -s ${clusterCIDR} ${comment(`${port.name}: not from a pod`)} -j ${chains.markMasquerade}`;
    into.set(all, { rules: [foreign, ...balance(family, port, port.endpoints)], about });
  }
  if (usesLocal(port) && port.localEndpoints.length > 0) {
    into.set(local, { rules: balance(family, port, port.localEndpoints), about });
  }
  if (isExternal(port) && hasExternalChain(port)) {
    into.set(external, { rules: externalRules(port, clusterCIDR), about });
  }
}

const hasExternalChain = (port: ServicePort): boolean => port.endpoints.length + port.localEndpoints.length > 0;

/** Rules of each address, in the order of the table. */
class ByAddress {
  readonly #rules = new Map<string, string[]>();

  add(address: string, rule: string): void {
    const rules = this.#rules.get(address) ?? [];
    if (rules.length === 0) this.#rules.set(address, rules);
    rules.push(rule);
  }

  entries(): AddressRules[] {
    return [...this.#rules].map(([address, rules]) => ({ address, rules }));
  }
}

/** What nobody answers: refused at once, or dropped where another node may still answer (policy Local). */
function refusal(port: ServicePort, family: Family, how: 'refuse' | 'drop', from = ''): string {
  const why = how === 'drop' ? 'no endpoint on this node' : 'no endpoints';
  const about = comment(`${port.name}: ${why}`);
  const answer = port.protocol === 'tcp' ? 'tcp-reset' : family.portUnreachable;
  const target = how === 'drop' ? 'DROP' : `REJECT --reject-with ${answer}`;
  return `${from}${toPort(port.protocol, from === '' ? (port.nodePort ?? port.port) : port.port)} ${about} -j ${target}`;
}

/** What happens to traffic that was not translated: undefined means that all of it is. */
function untranslated(
  endpoints: readonly Endpoint[],
  policy: string,
  port: ServicePort,
): 'refuse' | 'drop' | undefined {
  if (port.endpoints.length === 0 && endpoints.length === 0) return 'refuse';
  return policy === 'Local' && endpoints.length === 0 ? 'drop' : undefined;
}

interface Dispatch {
  readonly nat: ByAddress;
  readonly natPorts: string[];
  readonly filter: ByAddress;
  readonly filterPorts: string[];
}

function dispatchPort(port: ServicePort, family: Family, into: Dispatch): void {
  const { all, local, external } = chainsOf(port);
  const internal = port.internalPolicy === 'Local' ? port.localEndpoints : port.endpoints;
  const outer = port.externalPolicy === 'Local' ? port.localEndpoints : port.endpoints;
  const matches = toPort(port.protocol, port.port);
  for (const ip of port.clusterIPs) {
    const to = toAddress(family, ip);
    const target = port.internalPolicy === 'Local' ? local : all;
    const fate = untranslated(internal, port.internalPolicy, port);
    if (fate === undefined) into.nat.add(ip, `${to} ${matches} ${comment(`${port.name} cluster IP`)} -j ${target}`);
    else into.filter.add(ip, refusal(port, family, fate, `${to} `));
  }
  const fate = untranslated(outer, port.externalPolicy, port);
  for (const ip of port.externalIPs) {
    const to = toAddress(family, ip);
    if (hasExternalChain(port))
      into.nat.add(ip, `${to} ${matches} ${comment(`${port.name} external IP`)} -j ${external}`);
    if (fate !== undefined) into.filter.add(ip, refusal(port, family, fate, `${to} `));
  }
  if (port.nodePort === undefined) return;
  const onNode = toPort(port.protocol, port.nodePort);
  if (hasExternalChain(port)) into.natPorts.push(`${onNode} ${comment(`${port.name} node port`)} -j ${external}`);
  if (fate !== undefined) into.filterPorts.push(refusal(port, family, fate));
}

/** Flows that a pod opens through a Service and that come back to the pod itself: it must see another source than itself. */
function hairpinRules({ table, family, clusterCIDR }: RulesInput): string[] {
  const pods = parseCIDR(clusterCIDR);
  const here = new Map<string, string>();
  for (const { endpoints, localEndpoints } of table) {
    for (const { ip, local, pod } of [...endpoints, ...localEndpoints])
      if (local && contains(pods, ip)) here.set(ip, pod);
  }
  return [...here].map(
    ([ip, pod]) =>
      `-s ${ip}/${family.bits} -d ${ip}/${family.bits} ${comment(`${pod === '' ? ip : pod} to itself through a Service`)} -j MASQUERADE --random-fully`,
  );
}

function fixedNatChains(input: RulesInput): Chains {
  return new Map([
    [
      chains.markMasquerade,
      {
        rules: [`${comment('podwire: leave with the address of the node')} -j MARK --set-xmark ${masqueradeMark}`],
        about: 'marks what is masqueraded later',
      },
    ],
    [chains.hairpin, { rules: hairpinRules(input), about: 'pods that reach themselves' }],
    [
      chains.postrouting,
      {
        rules: [
          `${comment('podwire: may be a pod reaching itself')} -m conntrack --ctstate DNAT -j ${chains.hairpin}`,
          `${comment('podwire: not marked, keeps its source')} -m mark ! --mark ${masqueradeMark} -j RETURN`,
          `${comment('podwire: the mark has done its work')} -j MARK --set-xmark ${clearMark}`,
          `${comment('podwire: as the node')} -j MASQUERADE --random-fully`,
        ],
        about: 'masquerades what is marked',
      },
    ],
  ]);
}

const toNode = (family: Family): string => `! -d ${family.loopback}`;

function natChains(input: RulesInput, dispatch: Dispatch): Chains {
  const { family, table } = input;
  const result: Chains = fixedNatChains(input);
  for (const port of table) portChains(port, input, result);
  result.set(chains.nodePorts, { rules: dispatch.natPorts, about: 'node ports' });
  const options = { family, top: chains.services, prefix: 'PW-AT-', about: 'Services' };
  for (const [name, chain] of planDispatch(dispatch.nat.entries(), options)) result.set(name, chain);
  const top = result.get(chains.services);
  const rest = `${toNode(family)} ${comment('podwire: node ports, on every address of the node but loopback')} -m addrtype --dst-type LOCAL -j ${chains.nodePorts}`;
  result.set(chains.services, { rules: [...(top?.rules ?? []), rest], about: 'Services, by address' });
  return result;
}

function filterChains({ family }: RulesInput, dispatch: Dispatch): Chains {
  const result: Chains = new Map();
  result.set(chains.refusePorts, { rules: dispatch.filterPorts, about: 'node ports that nobody answers' });
  const options = { family, top: chains.refuse, prefix: 'PW-NO-', about: 'Services without endpoints' };
  for (const [name, chain] of planDispatch(dispatch.filter.entries(), options)) result.set(name, chain);
  const top = result.get(chains.refuse);
  const rest = `${toNode(family)} ${comment('podwire: node ports that nobody answers')} -m addrtype --dst-type LOCAL -j ${chains.refusePorts}`;
  result.set(chains.refuse, { rules: [...(top?.rules ?? []), rest], about: 'Services without endpoints' });
  result.set(chains.forward, {
    rules: [
      `${comment('podwire: Service traffic from outside')} -m mark --mark ${masqueradeMark} -j ACCEPT`,
      `${comment('podwire: and its answers')} -m conntrack --ctstate RELATED,ESTABLISHED -m conntrack --ctstate DNAT -j ACCEPT`,
    ],
    about: 'lets Service traffic pass where the host forwards nothing by itself',
  });
  return result;
}

function hooks(): Hook[] {
  const services = `${comment('podwire: Services')} -j ${chains.services}`;
  const refuse = `${comment('podwire: Services without endpoints')} -m conntrack --ctstate NEW -j ${chains.refuse}`;
  const forward = `${comment('podwire: Service traffic')} -j ${chains.forward}`;
  return [
    { table: 'nat', chain: 'PREROUTING', rule: services },
    { table: 'nat', chain: 'OUTPUT', rule: services },
    { table: 'nat', chain: 'POSTROUTING', rule: `${comment('podwire: Services')} -j ${chains.postrouting}` },
    { table: 'filter', chain: 'FORWARD', rule: forward, after: [chains.refuse] },
    { table: 'filter', chain: 'INPUT', rule: refuse },
    { table: 'filter', chain: 'FORWARD', rule: refuse },
    { table: 'filter', chain: 'OUTPUT', rule: refuse },
  ];
}

/** The chains and jumps that this table asks for. */
export function desiredRules(input: RulesInput): DesiredRules {
  const dispatch: Dispatch = { nat: new ByAddress(), natPorts: [], filter: new ByAddress(), filterPorts: [] };
  for (const port of input.table) dispatchPort(port, input.family, dispatch);
  return {
    chains: new Map([
      ['filter', filterChains(input, dispatch)],
      ['nat', natChains(input, dispatch)],
    ]),
    hooks: hooks(),
  };
}
