/** The cluster of the cases in namespaces: two nodes with the pod network of our own code, pods, hosts, in both families. */
import assert from 'node:assert/strict';
import { silentLogger } from '../../src/api/logger.ts';
import type { EndpointSlice, Namespace, NetworkPolicy, Node, Pod, Service } from '../../src/api/types.gen.ts';
import { createNodeNetwork, type NodeNetwork } from '../../src/network/index.ts';
import { startProxy } from '../../src/proxy/index.ts';
import type { CaseMode, SetUp } from '../cases/packet-case.ts';
import { podObject, policyNamespaces, policyPods } from '../cases/policy-packets/policy-world.ts';
import { clusterServices, clusterSlices } from '../cases/service-packets.ts';
import { clusterCIDR, nodePortAddresses } from '../cases/set-ups.ts';
import {
  addressesOf,
  clusterCIDRs,
  clusterNodes,
  familyNames,
  nodeNames,
  nodeOf,
  podCIDRsOf,
  podNames,
  serverPorts,
  virtualRanges,
  type FamilyName,
  type NodeName,
  type Party,
  type PodName,
} from '../cases/world.ts';
import { eventually, FakeEvents, FakeInformers, makeNodeLab, type NodeLab, type Place } from './node-lab.ts';
import { Server } from './servers.ts';

const legacyPrograms = new Map(
  ['iptables', 'ip6tables'].flatMap((name) =>
    ['', '-save', '-restore'].map((part) => [`${name}${part}`, `${name}-legacy${part}`] as const),
  ),
);

/** What the proxy is told to be in this mode. */
export const proxyModeOf = (mode: CaseMode): 'iptables' | 'nftables' | 'userspace' =>
  mode === 'iptables-nft' || mode === 'iptables-legacy' ? 'iptables' : mode;

const ranges = Object.values(virtualRanges);
const flag = (family: FamilyName): string => (family === 'ipv4' ? '-4' : '-6');
const prefix = (family: FamilyName): number => (family === 'ipv4' ? 24 : 64);
/** Every question to a port of a Service that nobody programmed lands here. */
const beyondPorts = { tcp: [80, 81, 53, 8443, 9000], udp: [] };

export class CaseLab {
  readonly informers = { 'node-a': new FakeInformers(), 'node-b': new FakeInformers() };
  readonly events = new FakeEvents();
  readonly #lab: NodeLab;
  readonly #forEver = new AbortController();
  #proxies = new AbortController();
  readonly #parties = new Map<Party, Server>();
  readonly #netnsOf = new Map<PodName, string>();
  readonly #networks: NodeNetwork[] = [];

  private constructor(lab: NodeLab) {
    this.#lab = lab;
  }

  /** Everything but the proxies. */
  static async make(mode: CaseMode): Promise<CaseLab> {
    const lab = new CaseLab(await makeNodeLab());
    try {
      await lab.#build(mode);
      return lab;
    } catch (error) {
      await lab.end();
      throw error;
    }
  }

  place(node: NodeName): Place {
    return node === 'node-a' ? this.#lab.nodeA : this.#lab.nodeB;
  }

  get outside(): Place {
    return this.#lab.outside;
  }

  party(name: Party): Server {
    // One namespace has the addresses of three hosts.
    const found = this.#parties.get(name === 'stranger' || name === 'visitor' ? 'outside' : name);
    if (found === undefined) throw new Error(`nobody runs ${name}`);
    return found;
  }

  /** What came back of `times` questions, one after another. */
  async ask(from: Party, protocol: 'tcp' | 'udp', address: string, port: number, times: number): Promise<string[]> {
    const [answers = []] = await this.party(from).ask([{ protocol, address, port, times, timeoutMs: 1500 }]);
    return [...answers];
  }

  async #build(mode: CaseMode): Promise<void> {
    for (const node of nodeNames) {
      if (mode === 'iptables-legacy') this.place(node).exec.programs = legacyPrograms;
      await this.#addNode(node, mode);
    }
    await this.#addHosts();
    await Promise.all([
      ...nodeNames.map((node) => this.#start(node, this.place(node), undefined)),
      ...podNames.map((pod) => this.#start(pod, this.place(nodeOf(pod)), this.#netnsOf.get(pod))),
      this.#start('outside', this.#lab.outside, undefined),
      this.#start('beyond', this.#lab.beyond, undefined),
    ]);
  }

  async #start(name: Party, place: Place, netns: string | undefined): Promise<void> {
    const usual = { tcp: [serverPorts.tcp, serverPorts.otherTcp], udp: [serverPorts.udp] };
    this.#parties.set(name, await Server.start(place, netns, name, name === 'beyond' ? beyondPorts : usual));
  }

  async #addNode(name: NodeName, mode: CaseMode): Promise<void> {
    const { exec } = this.place(name);
    const informers = this.informers[name];
    informers.of<Node>('nodes').set(...clusterNodes);
    informers.of<Service>('services').set(...clusterServices);
    informers.of<EndpointSlice>('endpointslices').set(...clusterSlices);
    await exec.batch([
      `address add ${addressesOf[name].ipv6}/64 dev eth0 nodad`,
      `route add default via ${addressesOf.beyond.ipv6}`,
    ]);
    informers.of<Namespace>('namespaces').set(...policyNamespaces);
    informers.of<Pod>('pods').set(...podNames.map(podObject));
    const network = createNodeNetwork({
      ...this.#common(name),
      proxyMode: proxyModeOf(mode),
      clusterCIDRs: Object.values(clusterCIDRs),
      nodeIPs: Object.values(addressesOf[name]),
      signal: this.#forEver.signal,
      auditIntervalMs: 3_600_000,
    });
    this.#networks.push(network);
    await network.start();
    await eventually('network ready', async () => network.ready);
    // Many refusals in one second: the limit of ICMP errors is not what is asked about here.
    await exec.sh('sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0');
    for (const pod of podNames.filter((one) => nodeOf(one) === name)) {
      const { namespace } = policyPods[pod];
      const { netns, ips } = await network.setUp({ namespace, name: pod, uid: `uid-${pod}`, attempt: 0 });
      assert.deepEqual(ips, Object.values(addressesOf[pod]));
      this.#netnsOf.set(pod, netns);
    }
  }

  async #addHosts(): Promise<void> {
    const { outside, beyond } = this.#lab;
    const noRedirects = 'sysctl -qw net.ipv6.conf.all.accept_redirects=0 net.ipv6.conf.eth0.accept_redirects=0';
    for (const { exec } of [outside, beyond]) await exec.sh(noRedirects);
    await beyond.exec.batch(familyNames.flatMap((family) => linesOfBeyond(family)));
    await outside.exec.batch(familyNames.flatMap((family) => linesOfOutside(family)));
    // `ip -batch` takes no family for one line of a rule.
    for (const family of familyNames)
      await outside.exec.sh(`ip ${flag(family)} rule add from ${addressesOf.visitor[family]} lookup 77`);
  }

  #common(name: NodeName) {
    return {
      exec: this.place(name).exec,
      nodeName: name,
      informers: this.informers[name],
      events: this.events,
      logger: silentLogger,
    };
  }

  /** Resolves when every Service is in the kernel. Those that ran end first. */
  async startProxies(mode: CaseMode, setUp: SetUp, auditIntervalMs = 3_600_000): Promise<void> {
    this.#proxies.abort();
    this.#proxies = new AbortController();
    const { signal } = this.#proxies;
    const cidrs = familyNames.flatMap((family) => nodePortAddresses(setUp, family) ?? []);
    const pods = familyNames.flatMap((family) => clusterCIDR(setUp, family) ?? []);
    await Promise.all(
      nodeNames.map((name) =>
        startProxy({
          ...this.#common(name),
          clusterCIDR: pods.length === 0 ? undefined : pods.join(),
          mode: proxyModeOf(mode),
          nodePortAddresses: cidrs.length === 0 ? undefined : cidrs,
          signal,
          auditIntervalMs,
        }),
      ),
    );
  }

  stopProxies(): void {
    this.#proxies.abort();
  }

  /** The namespace of a pod, as a path on its node. */
  netnsOf(pod: PodName): string | undefined {
    return this.#netnsOf.get(pod);
  }

  /** Resolves when these are in the kernel of both nodes, and no others. */
  async setPolicies(policies: readonly NetworkPolicy[]): Promise<void> {
    for (const node of nodeNames) {
      const informer = this.informers[node].of<NetworkPolicy>('networkpolicies');
      informer.set(...policies);
      const names = new Set(policies.map(({ metadata }) => metadata.name));
      for (const { metadata } of informer.list())
        if (!names.has(metadata.name)) informer.delete(`${metadata.namespace}/${metadata.name}`);
    }
    await Promise.all(this.#networks.map((network) => network.policiesInForce()));
  }

  /** Both nodes hear of these slices. */
  setSlices(slices: readonly EndpointSlice[]): void {
    for (const node of nodeNames) this.informers[node].of<EndpointSlice>('endpointslices').set(...slices);
  }

  async end(): Promise<void> {
    this.#proxies.abort();
    this.#forEver.abort();
    await Promise.all([...this.#parties.values()].map((one) => one.end()));
    await this.#lab.end();
  }
}

/** Has every virtual address itself, and answers through the node that the question came through. */
function linesOfBeyond(family: FamilyName): string[] {
  const via = (party: Party): string =>
    `route add ${addressesOf[party][family]} via ${addressesOf[nodeOf(party)][family]}`;
  return [
    `address add ${addressesOf.beyond[family]}/${prefix(family)} dev eth0${family === 'ipv6' ? ' nodad' : ''}`,
    ...ranges.map((range) => `route add local ${range[family]} dev lo`),
    ...nodeNames.map((node) => `route add ${podCIDRsOf[node][family]} via ${addressesOf[node][family]}`),
    ...(['outside', 'stranger', 'visitor'] as const).map(via),
  ];
}

function linesOfOutside(family: FamilyName): string[] {
  const nodad = family === 'ipv6' ? ' nodad' : '';
  const hosts = family === 'ipv6' ? (['outside', 'stranger', 'visitor'] as const) : (['stranger', 'visitor'] as const);
  return [
    ...hosts.map((host) => `address add ${addressesOf[host][family]}/${prefix(family)} dev eth0${nodad}`),
    ...ranges.flatMap((range) => [
      `route add ${range[family]} via ${addressesOf['node-a'][family]}`,
      `route add ${range[family]} via ${addressesOf['node-b'][family]} table 77`,
    ]),
  ];
}
