/** What a lab is, as data: its name, its machines, its addresses. */
import { contains, formatCIDR, nthAddress, nthSubnet, overlaps, parseCIDR, type Cidr } from '../api/addresses.ts';
import type { Taint } from '../api/types.gen.ts';
import { ipv6Problem, type IpFamily, type Ipv6Ranges } from './ipv6-ranges.ts';

/** What a Node is made with. */
export interface NodeSettings {
  readonly labels?: Readonly<Record<string, string>>;
  readonly taints?: readonly Taint[];
  /** From 1; those without are dealt to the segments in turn. */
  readonly segment?: number;
}

export interface LabConfig {
  /** At most 12 characters: the host's link is `pw-NAME`, and link names have 15. */
  readonly name: string;
  /** Names of the nodes: `node1`, `node2`, … */
  readonly nodes: readonly string[];
  /** By the name of the node; those without any are left out. */
  readonly nodeSettings?: Readonly<Record<string, NodeSettings>>;
  /** The switch: the host is its first address, the control plane its second, the outside its third, the switch itself its fourth, node N its (10 + N)th. */
  readonly nodeCIDR: string;
  readonly podCIDR: string;
  readonly serviceCIDR: string;
  /** What the cluster speaks; IPv4 when left out. The machines have IPv4 addresses anyway, which internet and load balancers need. */
  readonly ipFamily?: IpFamily;
  /** There with every family but `ipv4`. A machine's place in the node range is the same as in the IPv4 one. */
  readonly ipv6?: Ipv6Ranges;
  /** How many switches the machines stand on, joined by a router; one when left out. */
  readonly segments?: number;
  /** `HOST[:PORT]` of registries that may speak plain http, or show an unknown certificate. */
  readonly insecureRegistries?: readonly string[];
  /** Whether machines and pods reach the internet through the host; `auto`, the default: when the host has a way there. */
  readonly internet?: Internet;
  /** Whether the cluster has a DNS of its own, and each node one too; on when left out. */
  readonly dns?: DnsChoice;
  /** How pods of other nodes are reached; `routes` when left out, and `auto` where there are several segments. */
  readonly podNetwork?: PodNetwork;
  /** A folder of somebody else's CNI configuration, in the place of our pod network; `{node}` in it is the machine's name. */
  readonly cni?: string;
  /** How Services get into the kernels of the nodes; iptables when left out. */
  readonly kubeProxyMode?: KubeProxyMode;
  /** A node that gives no sign of life for so long is NotReady; 40 s when left out. */
  readonly nodeMonitorGraceSeconds?: number;
}

/** What a person asks for. */
export type WantedLab = Omit<Partial<LabConfig>, 'ipv6'> & { readonly ipv6?: Partial<Ipv6Ranges> };

export type KubeProxyMode = (typeof kubeProxyModes)[number];
export const kubeProxyModes = ['iptables', 'nftables', 'userspace', 'auto'] as const;

export type PodNetwork = (typeof podNetworks)[number];
export const podNetworks = ['auto', 'routes', 'vxlan'] as const;

export type DnsChoice = (typeof dnsChoices)[number];
export const dnsChoices = ['on', 'off', 'node-local'] as const;

export type Internet = (typeof internetChoices)[number];
export const internetChoices = ['auto', 'on', 'off'] as const;

export interface Machine {
  readonly name: string;
  /** `outside`: a machine beyond the cluster's network, which has no route to pods or Services. */
  readonly role: 'control-plane' | 'node' | 'outside';
  readonly address: string;
  /** The L2 segment that it stands on, from 1; what is no node stands on the first. */
  readonly segment: number;
}

/** Something a person asked for that cannot be, with what to do about it. The command line prints only the message. */
export class LabError extends Error {
  override readonly name = 'LabError';
}

export const controlPlaneName = 'control-plane';
export const outsideName = 'outside';
/** Where the outside answers: a range for documentation (RFC 5737), so no network of the host's is hidden by it. */
export const outsideRange = '203.0.113.0/24';
export const outsideAddress = '203.0.113.1';
export const apiPort = 6443;
export const kubeletPort = 10250;
export const clusterDomain = 'cluster.local';

/** Kubernetes' own default was this for years; nodes give a sign of life each quarter of it. */
export const defaultNodeMonitorGraceSeconds = 40;
export const graceSecondsRange = { min: 4, max: 3600 } as const;

/** Nodes of one lab at most. */
export const maxNodes = 200;
/** A switch has a half or a quarter of the range, and gives an eighth of that to load balancers. */
export const maxSegments = 4;
const outsidePlace = 3;
const routerPlace = 4;

export const defaultConfig = {
  name: 'podwire',
  nodeCIDR: '10.44.0.0/24',
  podCIDR: '10.45.0.0/16',
  serviceCIDR: '10.46.0.0/16',
} as const;

/** `node1` … `nodeN`. Throws a LabError for what is no number of nodes. */
export function nodeNames(count: number): string[] {
  if (!Number.isInteger(count) || count < 1 || count > maxNodes)
    throw new LabError(`--nodes: a whole number from 1 to ${maxNodes}, not ${count}`);
  return Array.from({ length: count }, (_, index) => `node${index + 1}`);
}

/** Checks a config. Throws a LabError that names the field. */
export function checkConfig(config: LabConfig): LabConfig {
  checkLabName(config.name);
  if (config.nodes.length > maxNodes) throw new LabError(`--nodes: at most ${maxNodes}, not ${config.nodes.length}`);
  for (const node of config.nodes) nodeNumber(node);
  const ranges = [config.nodeCIDR, config.podCIDR, config.serviceCIDR].map((text) => ({ text, cidr: rangeOf(text) }));
  for (const [index, a] of ranges.entries())
    for (const b of ranges.slice(index + 1))
      if (overlaps(a.cidr, b.cidr)) throw new LabError(`${a.text} and ${b.text} overlap: choose ranges apart`);
  checkPodRoom(config);
  config.insecureRegistries?.forEach(checkRegistry);
  checkGrace(config.nodeMonitorGraceSeconds);
  checkSegments(config);
  checkFamilies(config);
  checkDns(config);
  machinesOf(config);
  return config;
}

/** Each node takes a /24 of it; one without pod CIDR would never be Ready. */
function checkPodRoom({ podCIDR, nodes }: LabConfig): void {
  const room = Math.floor(2 ** (24 - rangeOf(podCIDR).prefixLength));
  if (room < nodes.length)
    throw new LabError(
      `--pod-cidr ${podCIDR}: has room for ${room} of ${nodes.length} nodes, a /24 each: choose a larger range`,
    );
}

function checkGrace(seconds: number | undefined): void {
  const { min, max } = graceSecondsRange;
  if (seconds !== undefined && !(Number.isInteger(seconds) && seconds >= min && seconds <= max))
    throw new LabError(`--node-monitor-grace-period ${seconds}s: whole seconds from ${min}s to ${max}s`);
}

function checkSegments(config: LabConfig): void {
  const { segments = 1, nodeSettings = {} } = config;
  if (!(Number.isInteger(segments) && segments >= 1 && segments <= maxSegments))
    throw new LabError(`--segments ${segments}: a whole number from 1 to ${maxSegments}`);
  for (const [node, { segment = 1 }] of Object.entries(nodeSettings))
    if (!(Number.isInteger(segment) && segment >= 1 && segment <= segments))
      throw new LabError(`${node} stands on segment ${segment}, and the lab has ${segments}: give it more by segments`);
}

function checkDns({ dns, cni, ipFamily }: LabConfig): void {
  if (dns !== 'node-local') return;
  if (cni !== undefined)
    throw new LabError("dns node-local: its address stands on our own pod network, not on another's (cni)");
  if (ipFamily === 'ipv6') throw new LabError('dns node-local: pods ask it by IPv4, which ipFamily ipv6 has not');
}

function checkFamilies({ ipFamily = 'ipv4', ipv6, segments = 1 }: LabConfig): void {
  if ((ipFamily === 'ipv4') !== (ipv6 === undefined))
    throw new LabError(`ipFamily ${ipFamily}: IPv6 ranges are for ipv6 and dual, and those need them`);
  const problem = ipv6 === undefined ? undefined : ipv6Problem(ipv6, segments);
  if (problem !== undefined) throw new LabError(problem);
}

/** Throws a LabError for what is no registry. */
export function checkRegistry(registry: string): void {
  if (!/^[a-zA-Z0-9][a-zA-Z0-9.-]*(:\d{1,5})?$/.test(registry))
    throw new LabError(`--insecure-registry ${registry}: HOST or HOST:PORT`);
}

/** Throws a LabError for what is no IPv4 range: addresses of links and machines are made from it. */
export function rangeOf(text: string): Cidr {
  try {
    const cidr = parseCIDR(text);
    if (cidr.family === 4) return cidr;
  } catch {
    // Told below.
  }
  throw new LabError(`${text} is not an IPv4 address range such as 10.44.0.0/24`);
}

/** Throws a LabError for what is no name of a lab. It becomes part of paths and of link names, so this is the only gate. */
export function checkLabName(name: string): string {
  if (!/^[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?$/.test(name))
    throw new LabError(`--name ${name}: 1 to 12 lower-case letters, digits and dashes, such as "podwire"`);
  return name;
}

/** The N of `nodeN`. Throws a LabError for another name. */
export function nodeNumber(name: string): number {
  const number = Number(/^node([1-9]\d{0,2})$/.exec(name)?.[1]);
  if (!Number.isInteger(number)) throw new LabError(`${name} is not a name of a node: they are node1, node2, …`);
  return number;
}

/** Every machine of the lab, the control plane first and the outside last. Throws a LabError when a switch has no address for one. */
export function machinesOf(config: LabConfig): Machine[] {
  const on = (segment: number, n: number): Pick<Machine, 'address' | 'segment'> => {
    try {
      const address = nthAddress(parseCIDR(segmentCIDR(config, segment)), n);
      if (!contains(parseCIDR(loadBalancerCIDR(config, segment)), address)) return { address, segment };
    } catch {
      // Told below.
    }
    throw new LabError(`${config.nodeCIDR} has no room for ${config.nodes.length} nodes: choose a larger range`);
  };
  return [
    { name: controlPlaneName, role: 'control-plane', ...on(1, 2) },
    ...config.nodes.map((name): Machine => ({
      name,
      role: 'node',
      ...on(segmentOf(config, name), 10 + nodeNumber(name)),
    })),
    { name: outsideName, role: 'outside', ...on(1, outsidePlace) },
  ];
}

/** Whom the config gives no segment is dealt to them in turn, by the number of the node. */
function segmentOf({ nodeSettings, segments = 1 }: LabConfig, node: string): number {
  return nodeSettings?.[node]?.segment ?? ((nodeNumber(node) - 1) % segments) + 1;
}

/** The range of a switch: all of `nodeCIDR` where there is one, otherwise a half or a quarter of it. */
export function segmentCIDR(
  { nodeCIDR, segments = 1 }: Pick<LabConfig, 'nodeCIDR' | 'segments'>,
  segment: number,
): string {
  const bits = Math.ceil(Math.log2(segments));
  const all = parseCIDR(nodeCIDR);
  return bits === 0 ? nodeCIDR : formatCIDR(nthSubnet(all, all.prefixLength + bits, segment - 1));
}

/** `1`, `2`, …: every segment of the lab. */
export function segmentsOf({ segments = 1 }: LabConfig): number[] {
  return Array.from({ length: segments }, (_, index) => index + 1);
}

/** The machine of this name. Throws a LabError that lists those that exist. */
export function machineNamed(config: LabConfig, name: string): Machine {
  const machines = machinesOf(config);
  const found = machines.find((machine) => machine.name === name);
  if (found === undefined)
    throw new LabError(`lab ${config.name} has no ${name}: it has ${machines.map((each) => each.name).join(', ')}`);
  return found;
}

/** The host's end of the switch. */
export function hostAddress(config: LabConfig): string {
  return nthAddress(parseCIDR(config.nodeCIDR), 1);
}

/** The outside's end on the switch: the way to `outsideRange`. */
export function outsideGateway(config: LabConfig): string {
  return nthAddress(parseCIDR(config.nodeCIDR), outsidePlace);
}

/** The switch of a segment as a router: the way to everything that is not on it. */
export function routerAddress(config: LabConfig, segment: number): string {
  return nthAddress(parseCIDR(segmentCIDR(config, segment)), routerPlace);
}

/** `10.44.0.1/24`: an address with its switch's prefix length. */
export function withPrefix(config: LabConfig, address: string): string {
  return `${address}/${parseCIDR(segmentCIDR(config, 1)).prefixLength}`;
}

/** The last eighth of a switch's range: addresses for Services of type LoadBalancer. No machine has one of them. */
export function loadBalancerCIDR(config: Pick<LabConfig, 'nodeCIDR' | 'segments'>, segment: number): string {
  const range = parseCIDR(segmentCIDR(config, segment));
  const bits = Math.min(3, 32 - range.prefixLength);
  return formatCIDR(nthSubnet(range, range.prefixLength + bits, 2 ** bits - 1));
}

/** The lowest `nodeN` that is not taken. */
export function nextNode(config: LabConfig): string {
  let number = 1;
  while (config.nodes.includes(`node${number}`)) number += 1;
  return `node${number}`;
}

/** A node that comes under the same name later is another one. */
export function withoutNode(config: LabConfig, name: string): LabConfig {
  const { nodeSettings = {}, ...rest } = config;
  const others = Object.entries(nodeSettings).filter(([node]) => node !== name);
  return {
    ...rest,
    nodes: config.nodes.filter((node) => node !== name),
    ...(others.length === 0 ? {} : { nodeSettings: Object.fromEntries(others) }),
  };
}
