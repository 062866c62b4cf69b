/** Plans the way to nodes that a plain route does not reach: one VXLAN link, and of each such node a neighbour and a forwarding entry. Pure. */
import { contains, familyOf, parseCIDR, type Cidr } from '../api/addresses.ts';
import { familyOfText } from '../kernel/family.ts';
import type { ForwardingEntry, Neighbour } from '../kernel/forwarding.ts';
import type { Link } from '../kernel/ip.ts';
import { gatewayOf } from './address-pool.ts';
import type { PodNetworkMode } from './mode.ts';
import { macOf, overlayId, overlayName } from './names.ts';
import { addressFlags, ForeignLinkError, givenAddresses, step, type Peer, type Step } from './plan-node.ts';

/** The far end of a tunnel. */
export interface Vtep {
  readonly node: string;
  /** The node's address: what carries the packets. */
  readonly ip: string;
  readonly mac: string;
  /** Gateways of its pods, one a family: what routes to them name as the next hop. */
  readonly gateways: readonly string[];
}

export interface DesiredOverlay {
  readonly alias: string;
  readonly mac: string;
  readonly mtu: number;
  /** The node's own address. */
  readonly local: string;
  readonly port: number;
  /** The gateways of this node's pods: who calls through the tunnel is answered through it. */
  readonly addresses: readonly string[];
  readonly vteps: readonly Vtep[];
}

export interface ObservedOverlay {
  readonly links: readonly Link[];
  readonly neighbours: readonly Neighbour[];
  readonly forwarding: readonly ForwardingEntry[];
}

export interface OverlayPlan {
  /** For `ip -batch`, before the routes. */
  readonly steps: readonly Step[];
  /** For `bridge -batch`, after them. */
  readonly forwarding: readonly Step[];
  /** For `ip -batch`, before all else: its routes go with the link. */
  readonly removal: readonly Step[];
  /** The link that is there goes with all routes on it, and is made anew. */
  readonly renews: boolean;
}

/** What VXLAN puts around a frame: an Ethernet header inside, VXLAN, UDP, and IPv4 or IPv6 outside. */
export function overlayMtu(uplinkMtu: number, local: string): number {
  return uplinkMtu - (familyOf(local) === 6 ? 70 : 50);
}

/**
 * Made from the first of a node's pod CIDRs, so that nothing has to be published; a node that changes its address keeps it. Apart from
 * the one of its bridge, which is made from the same address.
 */
export function overlayMac(podCIDR: string): string {
  return macOf(gatewayOf(parseCIDR(podCIDR))).replace(/^0a:58/, '0a:59');
}

/** The ranges that these links stand in. */
function segmentsOf(links: readonly Link[]): readonly Cidr[] {
  return links.flatMap(({ addresses }) =>
    addresses.map(({ address, prefixLength }) => parseCIDR(`${address}/${prefixLength}`)),
  );
}

/**
 * For a machine without a tunnel of its own: pods of nodes beyond its segments are reached by way of the first node that is near, which
 * has one, and is seen in its place. Without any they keep their address, and the kernel refuses the route.
 */
export function byWayOfNear(peers: readonly Peer[], links: readonly Link[]): readonly Peer[] {
  const segments = segmentsOf(links);
  const isNear = ({ ip }: Peer): boolean => segments.some((segment) => contains(segment, ip));
  return peers.map((peer) => {
    if (isNear(peer)) return peer;
    const way = peers.find((other) => isNear(other) && familyOf(other.ip) === familyOf(peer.ip));
    return way === undefined ? peer : { ...peer, ip: way.ip };
  });
}

/**
 * Whose pods are reached through the overlay, told for each peer. What counts is a node's address of the family that carries the packets:
 * a node is on this segment for both families or for none.
 */
export function markAcross(
  peers: readonly Peer[],
  mode: PodNetworkMode,
  local: string,
  uplink: Link | undefined,
): readonly Peer[] {
  if (mode === 'routes') return peers;
  const segments = (uplink?.addresses ?? []).map(({ address, prefixLength }) =>
    parseCIDR(`${address}/${prefixLength}`),
  );
  const isAcross = ({ ip }: Peer): boolean => mode === 'vxlan' || !segments.some((segment) => contains(segment, ip));
  const outer = peers.filter(({ ip }) => familyOf(ip) === familyOf(local));
  const across = new Set(outer.filter(isAcross).map(({ node }) => node));
  return peers.map((peer) => (across.has(peer.node) ? { ...peer, across: true } : peer));
}

/** One for each node that is across. */
export function vtepsOf(peers: readonly Peer[], local: string): readonly Vtep[] {
  const across = peers.filter((peer) => peer.across === true);
  return across
    .filter(({ ip }) => familyOf(ip) === familyOf(local))
    .flatMap(({ node, ip }) => {
      const podCIDRs = across.flatMap((peer) => (peer.node === node ? (peer.podCIDR ?? []) : []));
      const [first] = podCIDRs;
      if (first === undefined) return [];
      return [{ node, ip, mac: overlayMac(first), gateways: podCIDRs.map((text) => gatewayOf(parseCIDR(text))) }];
    });
}

const linkObject = `link ${overlayName}`;
const setLink = `link set dev ${overlayName}`;

/** Ours by its alias; or, when the alias was not set yet, by what it was made as. */
function isOurs(link: Link, alias: string): boolean {
  return link.kind === 'vxlan' && (link.alias === alias || (link.alias === undefined && link.vxlan?.id === overlayId));
}

/** The kernel changes neither number nor port nor learning of one that is there. */
function mustBeAnew({ vxlan }: Link, { port }: DesiredOverlay): boolean {
  return vxlan?.id !== overlayId || vxlan.port !== port || vxlan.learning;
}

function makeSteps({ alias, mac, mtu, local, port }: DesiredOverlay): Step[] {
  const kind = `type vxlan id ${overlayId} local ${local} dstport ${port} nolearning`;
  return [
    step('add', linkObject, 'nodes beyond this segment', `link add ${overlayName} address ${mac} mtu ${mtu} ${kind}`),
    step('sign', linkObject, alias, `${setLink} alias "${alias}"`),
  ];
}

function adjustSteps({ alias, mac, mtu, local }: DesiredOverlay, link: Link): Step[] {
  const set = (differs: boolean, what: string, words: string): Step[] =>
    differs ? [step('set', linkObject, what, `${setLink} ${words}`)] : [];
  return [
    ...set(link.alias !== alias, alias, `alias "${alias}"`),
    ...set(link.mac !== mac, `hardware address ${mac}`, `address ${mac}`),
    ...set(link.mtu !== mtu, `MTU ${mtu}`, `mtu ${mtu}`),
    ...set(link.vxlan?.local !== local, `from ${local}`, `type vxlan local ${local}`),
  ];
}

function addressSteps({ addresses }: DesiredOverlay, link: Link | undefined): Step[] {
  const wanted = new Set(addresses.map((ip) => `${ip}/${familyOfText(ip).bits}`));
  const there = new Set(
    (link === undefined ? [] : givenAddresses(link)).map((one) => `${one.address}/${one.prefixLength}`),
  );
  const gone = [...there].filter((text) => !wanted.has(text));
  const added = [...wanted].filter((text) => !there.has(text));
  return [
    ...gone.map((text) =>
      step('delete', `address ${text}`, 'not the gateway of a pod CIDR', `address delete ${text} dev ${overlayName}`),
    ),
    ...added.map((text) => {
      const line = `address replace ${text} dev ${overlayName}${addressFlags(text)}`;
      return step('add', `address ${text} on ${overlayName}`, 'answers come back through the tunnel', line);
    }),
  ];
}

function neighbourSteps({ vteps }: DesiredOverlay, there: readonly Neighbour[]): Step[] {
  const wanted = new Map(vteps.flatMap((vtep) => vtep.gateways.map((ip) => [ip, vtep] as const)));
  const gone = there.filter(({ ip }) => !wanted.has(ip));
  const missing = [...wanted].filter(([ip, { mac }]) => !there.some((one) => one.ip === ip && one.mac === mac));
  return [
    ...gone.map(({ ip }) =>
      step('delete', `neighbour ${ip}`, 'no node across has these pods', `neighbour delete ${ip} dev ${overlayName}`),
    ),
    ...missing.map(([ip, { node, mac }]) => {
      const line = `neighbour replace ${ip} lladdr ${mac} dev ${overlayName} nud permanent`;
      return step('set', `neighbour ${ip}`, `pods of node ${node}`, line);
    }),
  ];
}

/** `replace` moves the one entry of a hardware address, so that no frame is lost between two lines. */
function forwardingSteps({ vteps }: DesiredOverlay, there: readonly ForwardingEntry[]): Step[] {
  const wanted = new Map(vteps.map((vtep) => [vtep.mac, vtep]));
  const isRight = ({ mac, to }: ForwardingEntry): boolean => wanted.get(mac)?.ip === to;
  const moved = vteps.filter(({ mac, ip }) => !there.some((one) => one.mac === mac && one.to === ip));
  const kept = new Set(moved.map(({ mac }) => there.find((one) => one.mac === mac)));
  const gone = there.filter((entry) => !isRight(entry) && !kept.has(entry));
  return [
    ...gone.map(({ mac, to }) => {
      const line = `fdb delete ${mac} dev ${overlayName} dst ${to}`;
      return step('delete', `forwarding entry ${mac} to ${to}`, 'no node across has this address', line);
    }),
    ...moved.map(({ node, mac, ip }) => {
      const line = `fdb replace ${mac} dev ${overlayName} dst ${ip}`;
      return step('set', `forwarding entry ${mac} to ${ip}`, `node ${node}`, line);
    }),
  ];
}

const nothing: OverlayPlan = { steps: [], forwarding: [], removal: [], renews: false };

/** Undefined: there is to be no overlay, and one of ours goes. Throws ForeignLinkError. */
export function planOverlay(
  desired: DesiredOverlay | undefined,
  alias: string,
  observed: ObservedOverlay,
): OverlayPlan {
  const link = observed.links.find(({ name }) => name === overlayName);
  const isForeign = link !== undefined && !isOurs(link, alias);
  const remove = step('delete', linkObject, 'not as it must be', `link delete ${overlayName}`);
  if (desired === undefined) {
    if (link === undefined || isForeign) return nothing;
    return { ...nothing, removal: [{ ...remove, reason: 'no node is across' }] };
  }
  if (isForeign)
    throw new ForeignLinkError(`a link named ${overlayName} is there that podwire did not make: rename or delete it`);
  const renews = link !== undefined && mustBeAnew(link, desired);
  const kept = renews ? undefined : link;
  const up = step('set', linkObject, 'up', `${setLink} up`);
  return {
    steps: [
      ...(renews ? [remove] : []),
      ...(kept === undefined ? makeSteps(desired) : adjustSteps(desired, kept)),
      ...addressSteps(desired, kept),
      ...(kept?.up === true ? [] : [up]),
      ...neighbourSteps(desired, kept === undefined ? [] : observed.neighbours),
    ],
    forwarding: forwardingSteps(desired, kept === undefined ? [] : observed.forwarding),
    removal: [],
    renews,
  };
}
