/** Keeps the rules of host ports as the pods of this node want them. */
import type { Logger } from '../api/logger.ts';
import { printChanges, type Change } from '../kernel/change.ts';
import { deleteFlows } from '../kernel/conntrack.ts';
import type { Exec } from '../kernel/exec.ts';
import { families, familyOfText } from '../kernel/family.ts';
import { readRules } from '../kernel/iptables.ts';
import { createRuleWriter } from '../kernel/rule-writer.ts';
import { readSysctls, writeSysctls } from '../kernel/sysctl.ts';
import { bridgeName } from './names.ts';
import type { AdoptedPod } from './plan-pod.ts';
import { hostPortRules, hostPortsIn, needsLoopback, ownsPortChain, type PodPorts } from './plan-host-ports.ts';

/** Lets packets with a loopback address cross the bridge; the guard chain stands before it is set. */
const loopbackSetting = `net.ipv4.conf.${bridgeName}.route_localnet`;

export class HostPorts {
  readonly #exec: Exec;
  readonly #logger: Logger;
  readonly #nodeIPs: readonly string[];
  readonly #writers: readonly ReturnType<typeof createRuleWriter>[];
  /** By the namespace of the pod. */
  readonly #pods = new Map<string, PodPorts>();
  /** A family without ports costs nothing until it had one. */
  readonly #used = new Set<(typeof families)[number]>();
  #turn: Promise<unknown> = Promise.resolve();

  constructor(exec: Exec, nodeIPs: readonly string[], logger: Logger) {
    this.#exec = exec;
    this.#nodeIPs = nodeIPs;
    this.#logger = logger;
    this.#writers = families.map((family) => createRuleWriter({ exec, family, owns: ownsPortChain }));
  }

  /** Takes over the ports that pods of an earlier run have: the rules are what remembers them. Those of nobody go. */
  async adopt(pods: readonly AdoptedPod[]): Promise<void> {
    const ports = new Map<string, PodPorts['ports']>();
    for (const family of families) {
      const found = hostPortsIn(await readRules(this.#exec, family));
      if (found.size > 0) this.#used.add(family);
      for (const [ip, own] of found) ports.set(ip, own);
    }
    for (const { netns, pod, ips } of pods) {
      const own = ips.flatMap((ip) => ports.get(ip) ?? []);
      if (own.length > 0) this.#pods.set(netns, { pod, ips, ports: own });
    }
    if (ports.size > 0) await this.#sync();
  }

  /** When it resolves the ports lead to the pod. Rejects when the kernel refused. */
  async admit(netns: string, pod: PodPorts): Promise<void> {
    this.#pods.set(netns, pod);
    await this.#sync();
    await this.#forgetUntranslated(pod);
  }

  /** When it resolves nothing leads there any more; at once for a pod without ports. */
  async leave(netns: string): Promise<void> {
    if (this.#pods.delete(netns)) await this.#sync();
  }

  async #sync(): Promise<void> {
    const changes = await this.#inTurn(() => this.#bring('sync'));
    if (changes.length > 0) this.#logger.info('host ports written', { plan: printChanges(changes) });
  }

  /** What somebody else changed, put right already; empty when nothing. */
  async audit(): Promise<string> {
    return this.#inTurn(async () => printChanges(await this.#bring('audit')));
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work, work);
    this.#turn = result.catch(() => undefined);
    return result;
  }

  async #bring(how: 'sync' | 'audit'): Promise<readonly Change[]> {
    const pods = [...this.#pods.values()];
    const loopback = needsLoopback(pods);
    const changes: Change[] = loopback || this.#used.size === 0 ? [] : await this.#setLoopback(false);
    for (const [index, family] of families.entries()) {
      const rules = hostPortRules(family, pods);
      if (rules.hooks.length === 0 && !this.#used.has(family)) continue;
      this.#used.add(family);
      const writer = this.#writers[index];
      if (writer !== undefined) changes.push(...(await (how === 'audit' ? writer.audit() : writer.sync(rules))));
    }
    if (loopback) changes.push(...(await this.#setLoopback(true)));
    return changes;
  }

  async #setLoopback(on: boolean): Promise<Change[]> {
    const value = on ? '1' : '0';
    const now = (await readSysctls(this.#exec, [loopbackSetting])).get(loopbackSetting);
    if (now === undefined || now === value) return [];
    await writeSysctls(this.#exec, new Map([[loopbackSetting, value]]));
    return [{ action: 'set', object: `${loopbackSetting}=${value}`, reason: 'host ports by loopback' }];
  }

  /** A datagram that came before the rule made a flow without translation, and the next ones would follow it. */
  async #forgetUntranslated({ ports }: PodPorts): Promise<void> {
    for (const { hostIP, hostPort, protocol } of ports) {
      if (protocol !== 'UDP') continue;
      const isOne = hostIP !== '' && hostIP !== '0.0.0.0' && hostIP !== '::';
      for (const ip of isOne ? [hostIP] : this.#nodeIPs) {
        const filter = { family: familyOfText(ip), protocol: 'udp', originalDestination: ip };
        await deleteFlows(this.#exec, { ...filter, originalDestinationPort: hostPort }).catch((error: unknown) =>
          this.#logger.warn('flows to a host port stay', { ip, hostPort, error }),
        );
      }
    }
  }
}
