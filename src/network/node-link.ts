/** Applies the node's plan: bridge, routes, settings, rules. */
import { formatCIDR, parseCIDR } from '../api/addresses.ts';
import type { Logger } from '../api/logger.ts';
import { printChanges, type Change } from '../kernel/change.ts';
import type { Exec } from '../kernel/exec.ts';
import { families, familyOfText, type Family } from '../kernel/family.ts';
import { IpBatchError, readLinks, readRoutes, runIpBatch, type Link } from '../kernel/ip.ts';
import type { DesiredRules } from '../kernel/plan-iptables.ts';
import { createRuleWriter, type RuleWriter } from '../kernel/rule-writer.ts';
import { readSysctls, writeSysctls } from '../kernel/sysctl.ts';
import { gatewayOf } from './address-pool.ts';
import { bridgeAlias, bridgeName, macOf, routeProtocol } from './names.ts';
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

export interface NodeLinkOptions {
  readonly exec: Exec;
  readonly nodeName: string;
  /** One a family. */
  readonly nodeIPs: readonly string[];
  /** One a family. */
  readonly clusterCIDRs: readonly string[];
  readonly logger: Logger;
}

interface Wanted {
  /** One a family. */
  readonly podCIDRs: readonly string[];
  readonly peers: readonly Peer[];
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

export class NodeLink {
  readonly #options: NodeLinkOptions;
  /** Of the families that have, or had, pods here. */
  readonly #writers = new Map<Family, RuleWriter>();
  #wanted: Wanted | undefined;
  #triedModule = false;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: NodeLinkOptions) {
    this.#options = options;
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
    const { exec } = this.#options;
    const observed = await this.#observe();
    const desired = this.#desired(wanted, observed.links);
    const plan = planNode(desired, observed);
    await writeSysctls(exec, plan.settings);
    // Rules before links: what comes up first must not be seen unmasqueraded.
    const ruleChanges = await this.#bringRules(wanted, how, observed.links);
    const failures = await runIpBatch(exec, plan.lines);
    // One node that cannot be reached (another segment) must not hold up the rest.
    const routeFailures = failures.filter(({ line }) => line.startsWith('route '));
    if (failures.length > routeFailures.length) throw new IpBatchError('pod network of the node', failures);
    await writeSysctls(exec, plan.settingsAfter);
    const failed = new Set(failures.map(({ index }) => index));
    return {
      mtu: desired.bridge.mtu,
      changes: [...plan.changes, ...ruleChanges, ...plan.steps.filter((_, index) => !failed.has(index))],
      missing: [
        ...(observed.settings.has(bridgeNetfilterSetting) ? [] : [bridgeNetfilterMissing]),
        ...routeFailures.map(({ line, message }) => `cannot set "${line}": ${message}`),
      ],
    };
  }

  #desired({ podCIDRs, peers }: Wanted, links: readonly Link[]): DesiredNode {
    const { nodeName, nodeIPs } = this.#options;
    const uplink = uplinkOf(links, nodeIPs);
    const addresses = podCIDRs.map((text) => {
      const cidr = parseCIDR(text);
      return { address: gatewayOf(cidr), prefixLength: cidr.prefixLength };
    });
    const bridge = {
      alias: bridgeAlias(nodeName),
      mac: macOf(addresses[0]?.address ?? ''),
      mtu: uplink?.mtu ?? defaultMtu,
      addresses,
    };
    // A node has no route for a family that its own pods do not have.
    const others = peers.filter(
      ({ node, ip }) => node !== nodeName && ofFamily(podCIDRs, familyOfText(ip)) !== undefined,
    );
    return { bridge, peers: others, uplink: uplink?.name };
  }

  /** Undefined for a family that this node's pods do not have. */
  #rulesOf(family: Family, { podCIDRs, peers }: Wanted): DesiredRules | undefined {
    const { nodeName, nodeIPs, clusterCIDRs } = this.#options;
    const podCIDR = ofFamily(podCIDRs, family);
    if (podCIDR === undefined) return undefined;
    const nodeIP = ofFamily(nodeIPs, family);
    const others = peers.filter(({ node, ip }) => node !== nodeName && familyOfText(ip) === family);
    const nodes = [...(nodeIP === undefined ? [] : [{ node: nodeName, ip: nodeIP }]), ...others];
    return networkRules({ family, clusterCIDR: ofFamily(clusterCIDRs, family) ?? podCIDR, podCIDR, nodes });
  }

  /** A family that is not wanted any more is cleared; what tells after a restart is the bridge's address of it. */
  async #bringRules(wanted: Wanted, how: 'sync' | 'audit', links: readonly Link[]): Promise<readonly Change[]> {
    const { exec } = this.#options;
    const bridge = links.find(({ name }) => name === bridgeName);
    const held = bridge === undefined ? [] : givenAddresses(bridge).map(({ address }) => address);
    const changes: Change[] = [];
    for (const family of families) {
      const rules = this.#rulesOf(family, wanted);
      if (rules === undefined && !this.#writers.has(family) && ofFamily(held, family) === undefined) continue;
      const writer = this.#writers.get(family) ?? createRuleWriter({ exec, family, owns: ownsNetworkChain });
      this.#writers.set(family, writer);
      changes.push(...(await (how === 'audit' ? writer.audit() : writer.sync(rules ?? noRules))));
    }
    return changes;
  }

  async #observe(): Promise<ObservedNode> {
    const { exec, nodeIPs } = this.#options;
    const [links, ...routesOf] = await Promise.all([
      readLinks(exec),
      ...families.map((family) => readRoutes(exec, family, routeProtocol)),
    ]);
    const routes = routesOf.flat();
    const names = settingNames(uplinkOf(links, nodeIPs)?.name);
    const settings = await readSysctls(exec, names);
    if (settings.has(bridgeNetfilterSetting) || this.#triedModule) return { links, routes, settings };
    this.#triedModule = true;
    await exec.run({ argv: ['modprobe', 'br_netfilter'] }).catch(() => undefined);
    return { links, routes, settings: await readSysctls(exec, names) };
  }
}
