/** The pods of this node that Services lead to: one that reaches itself through a Service must see another source than itself. */
import { contains, tryParseCIDR, parseIP } from '../../api/addresses.ts';
import { comment } from '../../kernel/iptables.ts';
import type { ServicePort } from '../model/service-port.ts';
import type { RadixTree } from '../../kernel/radix-tree.ts';
import { fromAddress, toAddress } from './rule-text.ts';
import type { RuleSettings } from './settings.ts';

/** Counts who names each pod, so that its rule goes with the last one. */
export class LocalPods {
  /** How often each pod is named, by its address. */
  readonly #named = new Map<string, Map<string, number>>();
  readonly #settings: RuleSettings;
  readonly #isPod: (ip: string) => boolean;
  readonly #tree: RadixTree;

  constructor(settings: RuleSettings, tree: RadixTree) {
    this.#settings = settings;
    this.#tree = tree;
    const pods = tryParseCIDR(settings.clusterCIDR ?? '');
    // An endpoint in the network of its node needs none: there the answer never leaves this machine.
    this.#isPod = (ip) => pods === undefined || contains(pods, ip);
  }

  /** `by` is 1 for a port that comes and -1 for one that goes. */
  count({ endpoints, localEndpoints }: ServicePort, by: 1 | -1): void {
    for (const { ip, local, pod } of [...endpoints, ...localEndpoints]) {
      if (!local || !this.#isPod(ip)) continue;
      const pods = this.#named.get(ip) ?? new Map<string, number>();
      const left = (pods.get(pod) ?? 0) + by;
      if (left > 0) pods.set(pod, left);
      else pods.delete(pod);
      if (pods.size > 0) this.#named.set(ip, pods);
      else this.#named.delete(ip);
      this.#place(ip, [...pods.keys()].sort()[0]);
    }
  }

  #place(ip: string, pod: string | undefined): void {
    const { family } = this.#settings;
    const about = comment(`${pod === undefined || pod === '' ? ip : pod} to itself through a Service`);
    const rule = `${fromAddress(family, ip)} ${toAddress(family, ip)} ${about} -j MASQUERADE --random-fully`;
    this.#tree.set(parseIP(ip)?.value ?? 0n, '', pod === undefined ? [] : [rule]);
  }
}
