/** The network of a node by somebody else's CNI configuration, in the place of ours: we make the namespace, plugins make the rest. */
import type { InformerFactory, Informer } from '../../api/informer.ts';
import type { Logger } from '../../api/logger.ts';
import { pods } from '../../api/resources.ts';
import type { Pod } from '../../api/types.gen.ts';
import { everyInterval } from '../../kernel/commit-loop.ts';
import type { Exec } from '../../kernel/exec.ts';
import { runIpBatch } from '../../kernel/ip.ts';
import { listNetns, netnsPath } from '../../kernel/netns.ts';
import { isStaticPodOf } from '../abandoned.ts';
import type { NodeNetwork, PodIdentity } from '../contract.ts';
import { podInterface } from '../names.ts';
import { netnsOf, openAttachments, type Attachments } from './attachments.ts';
import { capabilityArgs } from './capabilities.ts';
import { PluginChain, PluginError, type Attachment, type PluginResult } from './chain.ts';
import { findConfList, type ConfList } from './conf-list.ts';
import { takeAway } from './take-away.ts';

export interface PluginNetworkOptions {
  readonly exec: Exec;
  readonly nodeName: string;
  /** Where configurations are looked for; the first by name is taken. */
  readonly confDir: string;
  /** Where plugins are looked for, in this order. */
  readonly binDirs: readonly string[];
  /** Where is kept what was asked of plugins. */
  readonly stateDir: string;
  readonly informers: InformerFactory;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** How often the configuration is looked for anew. Default 2 s. */
  readonly lookMs?: number;
}

const defaultLookMs = 2_000;

const ipsOf = ({ ips = [] }: PluginResult): string[] => ips.flatMap(({ address }) => address?.split('/')[0] ?? []);

class PluginNetwork implements NodeNetwork {
  readonly #options: PluginNetworkOptions;
  readonly #logger: Logger;
  readonly #chain: PluginChain;
  readonly #pods: Informer<Pod>;
  /** Links that this process has made: those of an earlier one are asked after by CHECK. */
  readonly #made = new Set<string>();
  /** A set-up and a tear-down of one pod never overlap. */
  readonly #turns = new Map<string, Promise<unknown>>();
  /** What could not be undone: plugins may be away, as they are after a boot. */
  readonly #rests = new Set<string>();
  #attachments: Attachments | undefined;
  #list: ConfList | undefined;
  #told = '';

  constructor(options: PluginNetworkOptions) {
    this.#options = options;
    this.#logger = options.logger.with({ part: 'network' });
    this.#chain = new PluginChain(options.exec, options.binDirs);
    this.#pods = options.informers.informer(pods, { fieldSelector: `spec.nodeName=${options.nodeName}` });
  }

  get ready(): boolean {
    return this.#list !== undefined;
  }

  async start(): Promise<void> {
    const { stateDir, signal, lookMs = defaultLookMs } = this.#options;
    const onBroken = (path: string): void => this.#logger.error('what a CNI plugin was asked cannot be read', { path });
    this.#attachments = await openAttachments(stateDir, onBroken);
    await this.#look();
    await this.#undoCutOff();
    everyInterval(lookMs, signal, () => this.#look());
    everyInterval(lookMs, signal, () => this.#undoRests());
  }

  async setUp(pod: PodIdentity): Promise<{ netns: string; ips: readonly string[] }> {
    return this.#inTurn(netnsOf(this.#kept, pod), () => this.#setUp(pod));
  }

  async tearDown(pod: PodIdentity): Promise<void> {
    const netns = netnsOf(this.#kept, pod);
    return this.#inTurn(netns, () => this.#tearDown(netns));
  }

  /** Whether there are any is for the plugins to say. */
  policiesInForce(): Promise<void> {
    return Promise.resolve();
  }

  /** Links of others are not ours to tell of. */
  attachments(): readonly never[] {
    return [];
  }

  #inTurn<T>(key: string, work: () => Promise<T>): Promise<T> {
    const result = (this.#turns.get(key) ?? Promise.resolve()).then(work, work);
    const settled = result.catch(() => undefined);
    this.#turns.set(key, settled);
    void settled.then(() => this.#turns.get(key) === settled && this.#turns.delete(key));
    return result;
  }

  async #setUp(pod: PodIdentity): Promise<{ netns: string; ips: readonly string[] }> {
    const name = netnsOf(this.#kept, pod);
    const known = await this.#intact(name);
    if (known !== undefined) return { netns: netnsPath(name), ips: ipsOf(known) };
    if (this.#list === undefined) throw new PluginError(this.#told);
    const { list = this.#list } = await findConfList(this.#options.confDir);
    const attachment = this.#attachmentOf(pod, name, list);
    // Before anything is made: whatever happens from here on, DEL will be called.
    await this.#kept.put(name, { pod, attachment });
    try {
      await this.#makeNamespace(name);
      const result = await this.#chain.add(attachment);
      if (ipsOf(result).length === 0) throw new PluginError(`the CNI network ${list.name} gave the pod no address`);
      await this.#kept.put(name, { pod, attachment, result });
      this.#made.add(name);
      return { netns: netnsPath(name), ips: ipsOf(result) };
    } catch (error) {
      await this.#tearDown(name).catch((left: unknown) => this.#leave(name, left));
      throw error;
    }
  }

  /** One of that name that nobody remembers is a rest. */
  async #makeNamespace(name: string): Promise<void> {
    const { exec } = this.#options;
    await runIpBatch(exec, [`netns delete ${name}`]);
    const made = await runIpBatch(exec, [`netns add ${name}`]);
    const failures = made.length > 0 ? made : await runIpBatch(exec, ['link set dev lo up'], name);
    if (failures.length > 0) throw new PluginError(`namespace ${name}: ${failures[0]?.message}`);
  }

  /** What is there already; what is there by half, or has changed since, is taken away. */
  async #intact(name: string): Promise<PluginResult | undefined> {
    const kept = this.#kept.get(name);
    if (kept === undefined) return undefined;
    const { attachment, result } = kept;
    if (result !== undefined) {
      if (this.#made.has(name)) return result;
      const changed = await this.#chain.check(attachment, result);
      if (changed === undefined) {
        this.#made.add(name);
        return result;
      }
      this.#logger.warn('a link is not as it was made, and is made anew', { name, changed });
    }
    await this.#tearDown(name);
    return undefined;
  }

  async #tearDown(name: string): Promise<void> {
    this.#made.delete(name);
    await takeAway({ exec: this.#options.exec, chain: this.#chain, attachments: this.#kept }, name);
  }

  /** After a crash in the middle of ADD, and after a boot, which took the namespaces: addresses are given back. */
  async #undoCutOff(): Promise<void> {
    const there = new Set(await listNetns(this.#options.exec));
    for (const [name, { result }] of this.#kept.all())
      if (result === undefined || !there.has(name)) await this.#undo(name);
  }

  async #undoRests(): Promise<void> {
    for (const name of [...this.#rests]) await this.#undo(name);
  }

  /** Never rejects. What has become whole meanwhile stays. */
  async #undo(name: string): Promise<void> {
    await this.#inTurn(name, async () => {
      const kept = this.#kept.get(name);
      const isWhole = kept?.result !== undefined && (await listNetns(this.#options.exec)).includes(name);
      if (kept !== undefined && !isWhole) await this.#tearDown(name);
      this.#rests.delete(name);
    }).catch((error: unknown) => this.#leave(name, error));
  }

  #leave(name: string, error: unknown): void {
    if (!this.#rests.has(name))
      this.#logger.warn('what was cut off is still there, and is tried again', { name, error: String(error) });
    this.#rests.add(name);
  }

  get #kept(): Attachments {
    if (this.#attachments === undefined) throw new Error('the network has not been started');
    return this.#attachments;
  }

  #attachmentOf(pod: PodIdentity, name: string, list: ConfList): Attachment {
    const known = this.#pods.get(`${pod.namespace}/${pod.name}`);
    const isIt = known !== undefined && (known.metadata.uid === pod.uid || isStaticPodOf(known, pod.uid));
    const words = { K8S_POD_NAMESPACE: pod.namespace, K8S_POD_NAME: pod.name, K8S_POD_UID: pod.uid };
    const facts = Object.entries({ IgnoreUnknown: '1', ...words, K8S_POD_INFRA_CONTAINER_ID: name });
    return {
      list,
      containerID: name,
      netns: netnsPath(name),
      ifname: podInterface,
      args: facts.map(([key, value]) => `${key}=${value}`).join(';'),
      capabilities: capabilityArgs(isIt ? known : undefined),
    };
  }

  /** Never rejects. A configuration that went is used no longer; links that it made are taken away by what was kept of it. */
  async #look(): Promise<void> {
    const { confDir } = this.#options;
    const { list, refused } = await findConfList(confDir);
    let told = list === undefined ? `no CNI configuration in ${confDir}: ${refused.join('; ') || 'there is none'}` : '';
    this.#list = list;
    if (list !== undefined) {
      try {
        await this.#chain.status(list);
      } catch (error) {
        this.#list = undefined;
        told = String(error);
      }
    }
    const news = told === '' ? `the CNI network ${list?.name} is used` : told;
    if (news !== this.#told) this.#logger.info(news, { confDir });
    this.#told = news;
  }
}

/** See {@link NodeNetwork}. Ready while there is a configuration, and its plugins say that they can. */
export function createPluginNetwork(options: PluginNetworkOptions): NodeNetwork {
  return new PluginNetwork(options);
}
