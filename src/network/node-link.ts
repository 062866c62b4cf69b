/** Applies the node's plan: bridge, routes, settings, rules. */
import { formatCIDR, parseCIDR } from '../api/addresses.ts';
import type { Logger } from '../api/logger.ts';
import { printChanges, type Change } from '../kernel/change.ts';
import type { Exec } from '../kernel/exec.ts';
import { families, familyOfText, type Family } from '../kernel/family.ts';
import { readForwarding, readNeighbours, runBridgeBatch } from '../kernel/forwarding.ts';
import { IpBatchError, isMissing, readLinks, readRoutes, runIpBatch, type Link } from '../kernel/ip.ts';
import type { DesiredRules } from '../kernel/plan-iptables.ts';
import { createRuleWriter, type RuleWriter } from '../kernel/rule-writer.ts';
import { readSysctls, writeSysctls } from '../kernel/sysctl.ts';
import { gatewayOf } from './address-pool.ts';
import type { PodNetworkMode } from './mode.ts';
import { bridgeAlias, bridgeName, macOf, overlayName, routeProtocol } from './names.ts';
import { OverlayOffload } from './overlay-offload.ts';
import { mergeRules, senderRules, tunnelRules } from './overlay-rules.ts';
import {
  bridgeNetfilterSetting,
  givenAddresses,
  networkRules,
  ownsNetworkChain,
  planNode,
  settingNames,
  type DesiredNode,
  type ObservedNode,
  type Peer,
} from './plan-node.ts';
import {
  markAcross,
  overlayMac,
  overlayMtu,
  planOverlay,
  vtepsOf,
  type DesiredOverlay,
  type ObservedOverlay,
} from './plan-overlay.ts';

const localAddress = (address: string) => ({
  address,
  prefixLength: familyOfText(address).bits,
  why: 'pods of this node ask here',
});

export interface NodeLinkOptions {
  readonly exec: Exec;
  readonly nodeName: string;
  /** One a family. */
  readonly nodeIPs: readonly string[];
  /** One a family. */
  readonly clusterCIDRs: readonly string[];
  /** Of both families, in canonical form. */
  readonly nonMasqueradeCIDRs: readonly string[];
  readonly mode: PodNetworkMode;
  readonly vxlanPort: number;
  /** Addresses besides the gateways at which this node answers its pods. */
  readonly localAddresses: readonly string[];
  readonly logger: Logger;
  /** Says something as an Event of the node. */
  readonly tell: (reason: string, message: string) => void;
}

interface Wanted {
  /** One a family. */
  readonly podCIDRs: readonly string[];
  readonly peers: readonly Peer[];
}

/** What is wanted, as it is on this node's links. */
interface Target {
  readonly node: DesiredNode;
  /** Undefined when every node is reached by a route. */
  readonly overlay: DesiredOverlay | undefined;
}

const defaultMtu = 1500;
const bridgeNetfilterMissing =
  'kernel module br_netfilter is missing: a Service answered by a pod of the same node will not work; modprobe br_netfilter';

const noRules: DesiredRules = { chains: new Map(), hooks: [] };

/** The link that has an address of the node; a node may have it on loopback, which leads nowhere. */
export function uplinkOf(links: readonly Link[], nodeIPs: readonly string[]): Link | undefined {
  return links.find(
    ({ name, addresses }) => name !== 'lo' && addresses.some(({ address }) => nodeIPs.includes(address)),
  );
}

/** The text of those that is of this family. */
function ofFamily(texts: readonly string[], family: Family): string | undefined {
  return texts.find((text) => familyOfText(text) === family);
}

/** Rejects with the first error once all have ended: none goes on behind whoever tries again. */
async function settledAll(parts: readonly Promise<readonly Change[]>[]): Promise<readonly Change[]> {
  await Promise.allSettled(parts);
  return (await Promise.all(parts)).flat();
}

export class NodeLink {
  readonly #options: NodeLinkOptions;
  /** Of the families that have, or had, pods here. */
  readonly #writers = new Map<Family, RuleWriter>();
  readonly #offload: OverlayOffload;
  #wanted: Wanted | undefined;
  #triedModule = false;
  /** The uplink of the last look. */
  #uplinkName: string | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: NodeLinkOptions) {
    this.#options = options;
    this.#offload = new OverlayOffload(options.exec, options.logger, options.tell);
  }

  /** The bridge of an earlier run, if it stands and carries our mark. */
  async find(): Promise<{ podCIDRs: readonly string[]; mtu: number } | undefined> {
    const { exec, nodeName } = this.#options;
    const bridge = (await readLinks(exec)).find(({ name }) => name === bridgeName);
    if (bridge?.up !== true || bridge.alias !== bridgeAlias(nodeName)) return undefined;
    const podCIDRs = givenAddresses(bridge).map(({ address, prefixLength }) =>
      formatCIDR(parseCIDR(`${address}/${prefixLength}`)),
    );
    return podCIDRs.length === 0 ? undefined : { podCIDRs, mtu: bridge.mtu };
  }

  /** Brings the kernel to what is wanted. `missing`: what will not work and why, in words. */
  async sync(wanted: Wanted): Promise<{ mtu: number; missing: readonly string[] }> {
    const { mtu, changes, missing } = await this.#inTurn(async () => {
      const result = await this.#bring(wanted, 'sync');
      this.#wanted = wanted;
      return result;
    });
    if (changes.length > 0)
      this.#options.logger.info('pod network written', { plan: printChanges(changes.slice(0, 30)) });
    return { mtu, missing };
  }

  /** The same with the rules read anew; what comes back says what had to be put right, empty when nothing. */
  async audit(): Promise<string> {
    return this.#inTurn(async () => {
      // Against what was written last: a change of the API that waits for its commit is nobody's interference.
      if (this.#wanted === undefined) return '';
      const { changes } = await this.#bring(this.#wanted, 'audit');
      return printChanges(changes);
    });
  }

  /** A sync and an audit never overlap. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work, work);
    this.#turn = result.catch(() => undefined);
    return result;
  }

  async #bring(
    wanted: Wanted,
    how: 'sync' | 'audit',
  ): Promise<{ mtu: number; changes: readonly Change[]; missing: readonly string[] }> {
    const { exec, nodeName } = this.#options;
    const observed = await this.#observe();
    const target = this.#target(wanted, observed.links);
    const tunnel = planOverlay(target.overlay, bridgeAlias(nodeName), observed);
    const isGone = tunnel.renews || tunnel.removal.length > 0;
    const routes = observed.routes.filter(({ device }) => !(isGone && device === overlayName));
    const plan = planNode(target.node, { ...observed, routes });
    const steps = [...tunnel.steps, ...plan.steps];
    await writeSysctls(exec, plan.settings);
    // Before the rules that guard it.
    const unremoved = await runIpBatch(
      exec,
      tunnel.removal.map(({ line }) => line),
    );
    if (unremoved.some((failure) => !isMissing(failure))) throw new IpBatchError('the overlay', unremoved);
    // Rules before links: what comes up first must not be seen unmasqueraded, and the tunnel hears no stranger.
    const ruleChanges = await this.#bringRules(wanted, target, how, observed.links);
    const failures = await runIpBatch(
      exec,
      steps.map(({ line }) => line),
    );
    // One node that cannot be reached (another segment) must not hold up the rest.
    const ofPeers = failures.filter(({ line }) => /^(route|neighbour) /.test(line));
    if (failures.length > ofPeers.length) throw new IpBatchError('pod network of the node', failures);
    await writeSysctls(exec, plan.settingsAfter);
    const unsent = await runBridgeBatch(
      exec,
      tunnel.forwarding.map(({ line }) => line),
    );
    if (tunnel.steps.some(({ line }) => line.startsWith('link add'))) this.#offload.renew();
    // In the background: a node that does not answer takes seconds.
    void this.#offload.look(target.overlay?.vteps ?? []);
    const [failed, unforwarded] = [failures, unsent].map((some) => new Set(some.map(({ index }) => index)));
    return {
      mtu: target.node.bridge.mtu,
      changes: [
        ...plan.changes,
        ...tunnel.removal,
        ...ruleChanges,
        ...steps.filter((_, index) => failed?.has(index) !== true),
        ...tunnel.forwarding.filter((_, index) => unforwarded?.has(index) !== true),
      ],
      missing: [
        ...(observed.settings.has(bridgeNetfilterSetting) ? [] : [bridgeNetfilterMissing]),
        ...[...ofPeers, ...unsent].map(({ line, message }) => `cannot set "${line}": ${message}`),
      ],
    };
  }

  #target({ podCIDRs, peers }: Wanted, links: readonly Link[]): Target {
    const { nodeName, nodeIPs, mode, vxlanPort, localAddresses } = this.#options;
    const uplink = uplinkOf(links, nodeIPs);
    // The family that carries the overlay's packets.
    const local = nodeIPs.find((ip) => ofFamily(podCIDRs, familyOfText(ip)) !== undefined) ?? '';
    const uplinkMtu = uplink?.mtu ?? defaultMtu;
    // A node across may come at any time, and pods keep the MTU that they were made with.
    const mtu = mode === 'routes' ? uplinkMtu : overlayMtu(uplinkMtu, local);
    const gatewayAddresses = podCIDRs.map((text) => {
      const cidr = parseCIDR(text);
      return { address: gatewayOf(cidr), prefixLength: cidr.prefixLength };
    });
    const gateways = gatewayAddresses.map(({ address }) => address);
    const alias = bridgeAlias(nodeName);
    const addresses = [...gatewayAddresses, ...localAddresses.map(localAddress)];
    const bridge = { alias, mac: macOf(gateways[0] ?? ''), mtu, addresses };
    // A node has no route for a family that its own pods do not have.
    const others = peers.filter(
      ({ node, ip }) => node !== nodeName && ofFamily(podCIDRs, familyOfText(ip)) !== undefined,
    );
    const marked = markAcross(others, mode, local, uplink);
    const vteps = vtepsOf(marked, local);
    const tunnel = {
      alias,
      mac: overlayMac(podCIDRs[0] ?? ''),
      mtu,
      local,
      port: vxlanPort,
      addresses: gateways,
      vteps,
    };
    return {
      node: { bridge, peers: marked, uplink: uplink?.name },
      overlay: vteps.length === 0 ? undefined : tunnel,
    };
  }

  /** Undefined for a family that this node's pods do not have. */
  #rulesOf(family: Family, { podCIDRs }: Wanted, { node: { peers }, overlay }: Target): DesiredRules | undefined {
    const { nodeName, nodeIPs, clusterCIDRs, nonMasqueradeCIDRs: all } = this.#options;
    const podCIDR = ofFamily(podCIDRs, family);
    if (podCIDR === undefined) return undefined;
    const nodeIP = ofFamily(nodeIPs, family);
    // Nodes across would answer a pod past the tunnel.
    const near = peers.filter(({ ip, across }) => across !== true && familyOfText(ip) === family);
    const nodes = [...(nodeIP === undefined ? [] : [{ node: nodeName, ip: nodeIP }]), ...near];
    const clusterCIDR = ofFamily(clusterCIDRs, family) ?? podCIDR;
    const nonMasqueradeCIDRs = all.filter((cidr) => familyOfText(cidr) === family);
    const rules = networkRules({ family, clusterCIDR, podCIDR, nodes, nonMasqueradeCIDRs });
    if (overlay === undefined) return rules;
    const { port, local, vteps } = overlay;
    const carries = familyOfText(local) === family;
    return mergeRules(rules, tunnelRules({ clusterCIDR }), ...(carries ? [senderRules({ family, port, vteps })] : []));
  }

  /** A family that is not wanted any more is cleared; what tells after a restart is the bridge's address of it. */
  async #bringRules(
    wanted: Wanted,
    target: Target,
    how: 'sync' | 'audit',
    links: readonly Link[],
  ): Promise<readonly Change[]> {
    const { exec } = this.#options;
    const bridge = links.find(({ name }) => name === bridgeName);
    const held = bridge === undefined ? [] : givenAddresses(bridge).map(({ address }) => address);
    // Side by side: on a busy machine each program waits its turn, and a change of a node is promised within a second.
    const changes = families.map(async (family): Promise<readonly Change[]> => {
      const rules = this.#rulesOf(family, wanted, target);
      if (rules === undefined && !this.#writers.has(family) && ofFamily(held, family) === undefined) return [];
      const writer = this.#writers.get(family) ?? createRuleWriter({ exec, family, owns: ownsNetworkChain });
      this.#writers.set(family, writer);
      return how === 'audit' ? writer.audit() : writer.sync(rules ?? noRules);
    });
    return settledAll(changes);
  }

  async #observe(): Promise<ObservedNode & ObservedOverlay> {
    const { exec, nodeIPs } = this.#options;
    const guess = this.#uplinkName;
    const [links, guessed, ...routesOf] = await Promise.all([
      readLinks(exec),
      guess === undefined ? undefined : this.#settings(settingNames(guess)),
      ...families.map((family) => readRoutes(exec, family, routeProtocol)),
    ]);
    const isTunnelling = links.some(({ name }) => name === overlayName);
    const [neighbours, forwarding] = isTunnelling
      ? await Promise.all([readNeighbours(exec, overlayName), readForwarding(exec, overlayName)])
      : [[], []];
    const uplink = uplinkOf(links, nodeIPs)?.name;
    this.#uplinkName = uplink;
    // Where the node's address is on the link where it was, nothing waits for their names.
    const settings = guessed !== undefined && uplink === guess ? guessed : await this.#settings(settingNames(uplink));
    return { links, routes: routesOf.flat(), settings, neighbours, forwarding };
  }

  async #settings(names: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const { exec } = this.#options;
    const settings = await readSysctls(exec, names);
    if (settings.has(bridgeNetfilterSetting) || this.#triedModule) return settings;
    this.#triedModule = true;
    await exec.run({ argv: ['modprobe', 'br_netfilter'] }).catch(() => undefined);
    return readSysctls(exec, names);
  }
}
