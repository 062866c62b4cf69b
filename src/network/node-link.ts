/** Applies the node's plan: bridge, routes, settings, rules. */
import { contains, formatCIDR, parseCIDR } from '../api/addresses.ts';
import type { Logger } from '../api/logger.ts';
import { printChanges, type Change } from '../kernel/change.ts';
import type { Exec } from '../kernel/exec.ts';
import type { Family } from '../kernel/family.ts';
import { IpBatchError, readLinks, readRoutes, runIpBatch, type Link } from '../kernel/ip.ts';
import { createRuleWriter, type RuleWriter } from '../kernel/rule-writer.ts';
import { readSysctls, writeSysctls } from '../kernel/sysctl.ts';
import { gatewayOf } from './address-pool.ts';
import { bridgeAlias, bridgeName, macOf, routeProtocol } from './names.ts';
import {
  bridgeNetfilterSetting,
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
  readonly nodeIP: string;
  readonly clusterCIDR: string;
  readonly family: Family;
  readonly logger: Logger;
}

interface Wanted {
  readonly podCIDR: string;
  readonly peers: readonly Peer[];
}

const defaultMtu = 1500;
const bridgeNetfilterMissing =
  'kernel module br_netfilter is missing: a Service answered by a pod of the same node will not work; modprobe br_netfilter';

/** The link that has the node's address; a node may have it on loopback, which leads nowhere. */
export function uplinkOf(links: readonly Link[], nodeIP: string): Link | undefined {
  return links.find(({ name, addresses }) => name !== 'lo' && addresses.some((one) => one.address === nodeIP));
}

export class NodeLink {
  readonly #options: NodeLinkOptions;
  readonly #writer: RuleWriter;
  #wanted: Wanted | undefined;
  #triedModule = false;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: NodeLinkOptions) {
    this.#options = options;
    this.#writer = createRuleWriter({ exec: options.exec, family: options.family, owns: ownsNetworkChain });
  }

  /** The bridge of an earlier run, if it stands and carries our mark. */
  async find(): Promise<{ podCIDR: string; mtu: number } | undefined> {
    const { exec, nodeName, family } = this.#options;
    const bridge = (await readLinks(exec)).find(({ name }) => name === bridgeName);
    if (bridge?.up !== true || bridge.alias !== bridgeAlias(nodeName)) return undefined;
    const gateway = bridge.addresses.find(({ address }) =>
      contains(parseCIDR(family.version === 4 ? '0.0.0.0/0' : '::/0'), address),
    );
    if (gateway === undefined) return undefined;
    const podCIDR = formatCIDR(parseCIDR(`${gateway.address}/${gateway.prefixLength}`));
    return { podCIDR, mtu: bridge.mtu };
  }

  /** Brings the kernel to what is wanted. `missing`: what will not work and why, in words. */
  async sync(podCIDR: string, peers: readonly Peer[]): Promise<{ mtu: number; missing: readonly string[] }> {
    const wanted = { podCIDR, peers };
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
    { podCIDR, peers }: Wanted,
    how: 'sync' | 'audit',
  ): Promise<{ mtu: number; changes: readonly Change[]; missing: readonly string[] }> {
    const { exec, nodeName, nodeIP, clusterCIDR, family } = this.#options;
    const observed = await this.#observe();
    const cidr = parseCIDR(podCIDR);
    const gateway = gatewayOf(cidr);
    const uplink = uplinkOf(observed.links, nodeIP);
    const mtu = uplink?.mtu ?? defaultMtu;
    const bridge = {
      alias: bridgeAlias(nodeName),
      mac: macOf(gateway),
      mtu,
      address: gateway,
      prefixLength: cidr.prefixLength,
    };
    const others = peers.filter(({ node }) => node !== nodeName);
    const desired: DesiredNode = { bridge, peers: others, uplink: uplink?.name };
    const plan = planNode(desired, observed);
    await writeSysctls(exec, plan.settings);
    // Rules before links: what comes up first must not be seen unmasqueraded.
    const nodes = [{ node: nodeName, ip: nodeIP }, ...others];
    const rules = networkRules({ family, clusterCIDR, podCIDR, nodes });
    const ruleChanges = await (how === 'audit' ? this.#writer.audit() : this.#writer.sync(rules));
    const failures = await runIpBatch(exec, plan.lines);
    // One node that cannot be reached (another segment) must not hold up the rest.
    const routeFailures = failures.filter(({ line }) => line.startsWith('route '));
    if (failures.length > routeFailures.length) throw new IpBatchError('pod network of the node', failures);
    await writeSysctls(exec, plan.settingsAfter);
    const failed = new Set(failures.map(({ index }) => index));
    return {
      mtu,
      changes: [...plan.changes, ...ruleChanges, ...plan.steps.filter((_, index) => !failed.has(index))],
      missing: [
        ...(observed.settings.has(bridgeNetfilterSetting) ? [] : [bridgeNetfilterMissing]),
        ...routeFailures.map(({ line, message }) => `cannot set "${line}": ${message}`),
      ],
    };
  }

  async #observe(): Promise<ObservedNode> {
    const { exec, family, nodeIP } = this.#options;
    const [links, routes] = await Promise.all([readLinks(exec), readRoutes(exec, family, routeProtocol)]);
    const names = settingNames(uplinkOf(links, nodeIP)?.name);
    const settings = await readSysctls(exec, names);
    if (settings.has(bridgeNetfilterSetting) || this.#triedModule) return { links, routes, settings };
    this.#triedModule = true;
    await exec.run({ argv: ['modprobe', 'br_netfilter'] }).catch(() => undefined);
    return { links, routes, settings: await readSysctls(exec, names) };
  }
}
