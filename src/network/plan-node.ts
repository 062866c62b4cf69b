/** Plans the node's part of the pod network: bridge, routes to other nodes, settings. Pure. */
import { contains, parseCIDR } from '../api/addresses.ts';
import type { Change } from '../kernel/change.ts';
import { familyOfText, ipv6, type Family } from '../kernel/family.ts';
import { comment } from '../kernel/iptables.ts';
import type { Link, LinkAddress, Route } from '../kernel/ip.ts';
import type { DesiredRules, Hook } from '../kernel/plan-iptables.ts';
import { gatewayOf } from './address-pool.ts';
import { bridgeName, overlayName, routeProtocol } from './names.ts';

/** Another node, as far as packets of one family to it go. */
export interface Peer {
  readonly node: string;
  /** Its InternalIP. */
  readonly ip: string;
  /** Its pods. */
  readonly podCIDR: string | undefined;
  /** A plain route does not reach it, the overlay does. */
  readonly across?: boolean;
}

export interface DesiredNode {
  readonly bridge: {
    readonly alias: string;
    readonly mac: string;
    readonly mtu: number;
    /** The gateways of this node's pods, one a family, first; then what else answers here, with the reason. */
    readonly addresses: readonly (LinkAddress & { readonly why?: string })[];
  };
  readonly peers: readonly Peer[];
  /** The link towards the other nodes; undefined when the node's address stands on none. */
  readonly uplink: string | undefined;
}

export interface ObservedNode {
  readonly links: readonly Link[];
  /** Those of both families with our `proto` number. */
  readonly routes: readonly Route[];
  readonly settings: ReadonlyMap<string, string>;
}

export interface NodePlan {
  /** Changes of settings. */
  readonly changes: readonly Change[];
  /** For `ip -batch`, in order; `steps[i]` tells what line i does. */
  readonly lines: readonly string[];
  readonly steps: readonly Step[];
  readonly settings: ReadonlyMap<string, string>;
  /** Settings of the bridge that this plan makes: they exist only after the lines. */
  readonly settingsAfter: ReadonlyMap<string, string>;
}

/** There is a link of our name that somebody else made. */
export class ForeignLinkError extends Error {
  override readonly name = 'ForeignLinkError';
}

/** A change and the line that makes it. */
export interface Step extends Change {
  readonly line: string;
}

export const step = (action: string, object: string, reason: string, line: string): Step => ({
  action,
  object,
  reason,
  line,
});

/** Ours by its alias; or, when the alias was not set yet, by the hardware address that it was made with. */
function isOurBridge(link: Link, { alias, mac }: DesiredNode['bridge']): boolean {
  return link.kind === 'bridge' && (link.alias === alias || (link.alias === undefined && link.mac === mac));
}

const setBridge = `link set dev ${bridgeName}`;
const bridgeObject = `bridge ${bridgeName}`;

const isIPv6 = ({ address }: LinkAddress): boolean => familyOfText(address) === ipv6;

const mtuStep = (mtu: number): Step => step('set', bridgeObject, `MTU ${mtu} as the uplink`, `${setBridge} mtu ${mtu}`);

/** What a bridge of ours that stands has different. */
function adjustSteps({ mac, mtu, addresses }: DesiredNode['bridge'], link: Link): Step[] {
  const steps: Step[] = [];
  if (link.mac !== mac) steps.push(step('set', bridgeObject, `hardware address ${mac}`, `${setBridge} address ${mac}`));
  if (link.mtu !== mtu) steps.push(mtuStep(mtu));
  const calls = [
    ...(link.callIptables ? [] : ['nf_call_iptables']),
    ...(link.callIp6tables || !addresses.some(isIPv6) ? [] : ['nf_call_ip6tables']),
  ];
  const why = 'answers of pods on this node must pass the translation';
  steps.push(...calls.map((call) => step('set', bridgeObject, why, `${setBridge} type bridge ${call} 1`)));
  return steps;
}

const linkLocal = parseCIDR('fe80::/10');

/** Those that somebody gave it; the kernel gives a link-local one to every link. */
export function givenAddresses({ addresses }: Link): readonly LinkAddress[] {
  return addresses.filter(({ address }) => !contains(linkLocal, address));
}

const addressText = ({ address, prefixLength }: LinkAddress): string => `${address}/${prefixLength}`;

/** What follows the address in a line that sets it: nobody else can have it, so it need not be asked for (RFC 4862, 5.4). */
export function addressFlags(address: string): string {
  return familyOfText(address) === ipv6 ? ' nodad' : '';
}

function addressSteps({ addresses }: DesiredNode['bridge'], link: Link | undefined): Step[] {
  const wanted = new Set(addresses.map(addressText));
  const there = new Set(link === undefined ? [] : givenAddresses(link).map(addressText));
  const gone = [...there].filter((text) => !wanted.has(text));
  const added = addresses.filter((one) => !there.has(addressText(one)));
  return [
    ...gone.map((text) =>
      step(
        'delete',
        `address ${text}`,
        'not the gateway of a pod CIDR, nor asked for',
        `address delete ${text} dev ${bridgeName}`,
      ),
    ),
    ...added.map((one) => {
      const line = `address replace ${addressText(one)} dev ${bridgeName}${addressFlags(one.address)}`;
      return step('add', `address ${addressText(one)}`, one.why ?? 'gateway of the pods', line);
    }),
  ];
}

/** A new bridge has 1500 by itself. */
function newSteps(add: string, { mtu }: DesiredNode['bridge']): Step[] {
  const made = step('add', bridgeObject, 'pods are its ports', add);
  return mtu === 1500 ? [made] : [made, mtuStep(mtu)];
}

function bridgeSteps({ bridge }: DesiredNode, links: readonly Link[]): Step[] {
  const link = links.find(({ name }) => name === bridgeName);
  if (link !== undefined && !isOurBridge(link, bridge)) {
    throw new ForeignLinkError(`a link named ${bridgeName} is there that podwire did not make: rename or delete it`);
  }
  const calls = `nf_call_iptables 1${bridge.addresses.some(isIPv6) ? ' nf_call_ip6tables 1' : ''}`;
  // Without its MTU: only one that is changed later is kept by the kernel when the last port goes (br_mtu_auto_adjust).
  const add = `link add ${bridgeName} address ${bridge.mac} type bridge ${calls}`;
  const sign = step('sign', bridgeObject, bridge.alias, `${setBridge} alias "${bridge.alias}"`);
  return [
    ...(link === undefined ? newSteps(add, bridge) : adjustSteps(bridge, link)),
    ...(link?.alias === bridge.alias ? [] : [sign]),
    ...addressSteps(bridge, link),
    ...(link?.up === true ? [] : [step('set', bridgeObject, 'up', `${setBridge} up`)]),
  ];
}

/** How packets for the pods of a node leave. The overlay's next hop is a neighbour that its plan makes known, and in no subnet of ours. */
function wayTo({ ip, across }: Peer, podCIDR: string): { readonly via: string; readonly words: string } {
  const via = across === true ? gatewayOf(parseCIDR(podCIDR)) : ip;
  return { via, words: `via ${via}${across === true ? ` dev ${overlayName} onlink` : ''}` };
}

/** Routes to the pods of these nodes, and none else of ours. */
export function routeSteps({ peers }: Pick<DesiredNode, 'peers'>, routes: readonly Route[]): readonly Step[] {
  const steps: Step[] = [];
  const wanted = new Map(peers.flatMap((peer) => (peer.podCIDR === undefined ? [] : [[peer.podCIDR, peer]])));
  for (const { destination, via } of routes) {
    if (wanted.has(destination)) continue;
    const line = `route delete ${destination}${via === undefined ? '' : ` via ${via}`} proto ${routeProtocol}`;
    steps.push(step('delete', `route ${destination}`, 'no node has these pods', line));
  }
  for (const [destination, peer] of wanted) {
    const route = routes.find((one) => one.destination === destination);
    const { via, words } = wayTo(peer, destination);
    if (route?.via === via && (route.device === overlayName) === (peer.across === true)) continue;
    // `replace` only where the one that is there is ours: somebody else's route makes `add` fail and is left alone.
    const verb = route === undefined ? 'add' : 'replace';
    const line = `route ${verb} ${destination} ${words} proto ${routeProtocol}`;
    steps.push(step(verb, `route ${destination}`, `pods of node ${peer.node}`, line));
  }
  return steps;
}

interface Setting {
  readonly name: string;
  readonly value: string;
  readonly why: string;
  /** Changed only when it has this value. */
  readonly only?: string;
}

const ipv4Settings: readonly Setting[] = [
  { name: 'net.ipv4.ip_forward', value: '1', why: 'packets of pods are forwarded' },
  {
    name: 'net.ipv4.conf.all.rp_filter',
    value: '2',
    only: '1',
    why: 'an answer may take another way than the question',
  },
];

const settings: readonly Setting[] = [
  {
    name: 'net.netfilter.nf_conntrack_tcp_be_liberal',
    value: '1',
    why: 'a late segment is still translated, not answered by a reset',
  },
];

/**
 * The kernel takes `all` or the link's own, so both are off. A redirect after translation tells the sender a shortcut past
 * the translation. It also starts the sender's ICMP limit anew with nothing to spend (ip_rt_send_redirect, seen on Linux
 * 6.18), so the refusal of a datagram in the next second would be swallowed.
 */
function redirectSetting(link: string): Setting {
  const name = `net.ipv4.conf.${settingPart(link)}.send_redirects`;
  return { name, value: '0', why: 'no shortcut past the translation, and no refusal lost to its rate limit' };
}

/** sysctl(8) writes the dot of a VLAN link as a slash. */
const settingPart = (link: string): string => link.replaceAll('.', '/');

/**
 * In order: a router does not listen to other routers unless it is told so (accept_ra 2), and a node that has its default route
 * from one would lose it. IPv6 has no setting for sending redirects; pods and routers do not accept them.
 */
function ipv6Settings(uplink: string | undefined): readonly Setting[] {
  const advertised = {
    name: `net.ipv6.conf.${settingPart(uplink ?? 'lo')}.accept_ra`,
    value: '2',
    only: '1',
    why: 'a router that listens to its own router',
  };
  return [
    ...(uplink === undefined ? [] : [advertised]),
    { name: 'net.ipv6.conf.all.forwarding', value: '1', why: 'packets of pods are forwarded' },
  ];
}

/** What stands or falls with the bridge. */
function bridgeSettings(hasIPv6: boolean): readonly Setting[] {
  const unheard = { name: `net.ipv6.conf.${bridgeName}.accept_ra`, value: '0', why: 'no pod is a router for its node' };
  return [redirectSetting(bridgeName), ...(hasIPv6 ? [unheard] : [])];
}

function settingsFor(uplink: string | undefined, hasIPv6: boolean): readonly Setting[] {
  return [
    ...ipv4Settings,
    ...settings,
    ...(hasIPv6 ? ipv6Settings(uplink) : []),
    redirectSetting('all'),
    ...bridgeSettings(hasIPv6),
    ...(uplink === undefined ? [] : [redirectSetting(uplink)]),
  ];
}

/** Tells whether br_netfilter is loaded. */
export const bridgeNetfilterSetting = 'net.bridge.bridge-nf-call-iptables';

/** Every setting that is looked at. */
export function settingNames(uplink: string | undefined): readonly string[] {
  return [...settingsFor(uplink, true).map(({ name }) => name), bridgeNetfilterSetting];
}

/** Lines in order: settings first, then the bridge, then routes. Throws {@link ForeignLinkError}. */
export function planNode(desired: DesiredNode, observed: ObservedNode): NodePlan {
  const hasIPv6 = desired.bridge.addresses.some(isIPv6);
  const changed = settingsFor(desired.uplink, hasIPv6).filter(({ name, value, only }) => {
    const now = observed.settings.get(name);
    return now !== undefined && (only === undefined ? now !== value : now === only);
  });
  const made = !observed.links.some(({ name }) => name === bridgeName);
  const steps = [...bridgeSteps(desired, observed.links), ...routeSteps(desired, observed.routes)];
  return {
    changes: changed.map(({ name, value, why }) => ({ action: 'set', object: `${name}=${value}`, reason: why })),
    steps,
    lines: steps.map(({ line }) => line),
    settings: new Map(changed.map(({ name, value }) => [name, value])),
    settingsAfter: new Map(made ? bridgeSettings(hasIPv6).map(({ name, value }) => [name, value]) : []),
  };
}

export const forwardChain = 'PW-NET-FORWARD';
/** No chain: two rules in FORWARD that are signed by it. */
const knownFlows = 'PW-NET-KNOWN';
export const masqueradeChain = 'PW-NET-MASQ';

/** Whether the pod network made a chain of this name. */
export function ownsNetworkChain(name: string): boolean {
  return name.startsWith('PW-NET-');
}

export interface NetworkRulesInput {
  readonly family: Family;
  readonly clusterCIDR: string;
  readonly podCIDR: string;
  /** Every node, this one too. */
  readonly nodes: readonly Pick<Peer, 'node' | 'ip'>[];
  /** Who else sees pods as they are, since there is a way back to them. */
  readonly nonMasqueradeCIDRs?: readonly string[];
}

/**
 * What every packet of pods meets but the first of a flow: one rule with one match, before all others. It lets through what they would:
 * refusals, policies and host ports look at first packets, and a flow that a policy forbids is forgotten by conntrack, so that its next
 * packet is a first one. The comment stands last: iptables asks its matches in order, and this one is a call of a function, too.
 */
const knownHook = (ends: string): Hook => ({
  table: 'filter',
  chain: 'FORWARD',
  rule: `${ends} -m conntrack --ctstate RELATED,ESTABLISHED ${comment(`${knownFlows}: flows of pods`)} -j ACCEPT`,
});

/** Pods keep their address towards pods and nodes; everybody else sees the node's. */
export function networkRules(input: NetworkRulesInput): DesiredRules {
  const { family, clusterCIDR, podCIDR, nodes, nonMasqueradeCIDRs = [] } = input;
  const masquerade = [
    `-d ${clusterCIDR} ${comment('podwire: pods see pods as they are')} -j RETURN`,
    ...nodes.map(
      ({ node, ip }) => `-d ${ip}/${family.bits} ${comment(`node ${node} sees pods as they are`)} -j RETURN`,
    ),
    ...nonMasqueradeCIDRs.map((cidr) => `-d ${cidr} ${comment('podwire: not masqueraded, as asked for')} -j RETURN`),
    `-d ${family.multicast} ${comment('podwire: multicast has no way back')} -j RETURN`,
    `${comment('podwire: outside the cluster pods are seen as this node')} -j MASQUERADE --random-fully`,
  ];
  const forward = [
    `-s ${clusterCIDR} ${comment('podwire: from pods')} -j ACCEPT`,
    `-d ${clusterCIDR} ${comment('podwire: to pods')} -j ACCEPT`,
  ];
  return {
    chains: new Map([
      ['nat', new Map([[masqueradeChain, { rules: masquerade, about: 'what leaves the cluster' }]])],
      ['filter', new Map([[forwardChain, { rules: forward, about: 'pods may talk' }]])],
    ]),
    hooks: [
      {
        table: 'nat',
        chain: 'POSTROUTING',
        rule: `-s ${podCIDR} ${comment('podwire: pods of this node')} -j ${masqueradeChain}`,
      },
      {
        table: 'filter',
        chain: 'FORWARD',
        rule: `${comment('podwire: pod network')} -j ${forwardChain}`,
        // Services without endpoints are refused before a flow is let through.
        after: [knownFlows, 'PW-REFUSE', 'PW-POLICY', 'PW-FORWARD'],
      },
      knownHook(`-d ${clusterCIDR}`),
      knownHook(`-s ${clusterCIDR}`),
    ],
  };
}
