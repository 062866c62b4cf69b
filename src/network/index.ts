/** The pod network of this node: a bridge, a link a pod, routes to the other nodes, masquerade to the outside. */
import { formatCIDR, parseCIDR } from '../api/addresses.ts';
import type { EventRecorder } from '../api/event-recorder.ts';
import type { Informer, InformerFactory } from '../api/informer.ts';
import type { Registry } from '../api/metrics-registry.ts';
import type { Logger } from '../api/logger.ts';
import { nodes, pods } from '../api/resources.ts';
import type { Node, Pod } from '../api/types.gen.ts';
import { createCommitLoop, everyInterval } from '../kernel/commit-loop.ts';
import type { Exec } from '../kernel/exec.ts';
import { familyOfText } from '../kernel/family.ts';
import { netnsPath } from '../kernel/netns.ts';
import { createAddressPool } from './address-pool.ts';
import { nodePart, peersOf, podCIDRsOf } from './cluster.ts';
import type { NodeNetwork, PodNeeds, RememberedPod } from './contract.ts';
import { HostPorts } from './host-ports.ts';
import { podNames } from './names.ts';
import { NodeLink } from './node-link.ts';
import { defaultVxlanPort, type PodNetworkMode } from './mode.ts';
import { PodLinks, type PodGround } from './pod-links.ts';
import { abandonedPods } from './abandoned.ts';
import type { AdoptedPod } from './plan-pod.ts';
import { strandedText } from './stranded.ts';
import { createNetworkPolicies, type LocalPod, type NetworkPolicies } from './policy/index.ts';

export type { NodeNetwork, PodIdentity } from './contract.ts';
export { createNodeRemoval } from './node-removal.ts';
export { startPodRoutes } from './pod-routes.ts';
export { installCni } from './cni/install.ts';
export { openCniMemory } from './cni/memory.ts';
export { startCniServer } from './cni/server.ts';
export { createPluginNetwork } from './plugins/index.ts';
export { createPluginRemoval } from './plugins/removal.ts';
export { startServiceAddresses } from './service-addresses.ts';

export interface NodeNetworkOptions {
  readonly exec: Exec;
  readonly nodeName: string;
  /** The node's own addresses, one a family: their link gives the MTU. */
  readonly nodeIPs: readonly string[];
  /** Addresses of all pods of all nodes, one a family. */
  readonly clusterCIDRs: readonly string[];
  /** How pods of other nodes are reached. Default `routes`. */
  readonly mode?: PodNetworkMode;
  /** The UDP port of VXLAN, the same on all nodes. Default 4789. */
  readonly vxlanPort?: number;
  /** Of both families: who there sees a pod sees it as it is. None when left out. */
  readonly nonMasqueradeCIDRs?: readonly string[];
  /** Addresses on the bridge besides the gateways, the same on every node, at which a node answers its own pods. None when left out. */
  readonly localAddresses?: readonly string[];
  readonly informers: InformerFactory;
  readonly events: EventRecorder;
  readonly logger: Logger;
  /** Ends following the cluster; everything in the kernel stays. */
  readonly signal: AbortSignal;
  /** The Service proxy's: NetworkPolicies get into the kernel the same way. Default `iptables`. */
  readonly proxyMode?: string;
  /** How often the kernel is read to see what somebody else broke. Default 30 s. */
  readonly auditIntervalMs?: number;
  /** How often it is read what NetworkPolicies dropped. Default 10 s. */
  readonly dropIntervalMs?: number;
  /** Of the agent. */
  readonly metrics?: Registry;
}

const defaultAuditIntervalMs = 30_000;

export class NetworkNotReadyError extends Error {
  override readonly name = 'NetworkNotReadyError';
}

class BridgeNetwork implements NodeNetwork {
  readonly #options: NodeNetworkOptions;
  readonly #logger: Logger;
  readonly #node: NodeLink;
  readonly #links: PodLinks;
  readonly #hostPorts: HostPorts;
  /** Of pods that are being set up, by namespace. */
  readonly #needs = new Map<string, PodNeeds>();
  #policies: NetworkPolicies | undefined;
  readonly #nodes: Informer<Node>;
  readonly #pods: Informer<Pod>;
  /** Pods that looked abandoned at the last audit. */
  #suspects: ReadonlySet<string> = new Set();
  #ground: PodGround | undefined;

  constructor(options: NodeNetworkOptions) {
    const { exec, nodeName, nodeIPs, clusterCIDRs, mode = 'routes', vxlanPort = defaultVxlanPort, informers } = options;
    const nonMasqueradeCIDRs = (options.nonMasqueradeCIDRs ?? []).map((text) => formatCIDR(parseCIDR(text)));
    this.#options = options;
    this.#logger = options.logger.with({ part: 'network' });
    this.#node = new NodeLink({
      exec,
      nodeName,
      nodeIPs,
      clusterCIDRs,
      nonMasqueradeCIDRs,
      mode,
      vxlanPort,
      localAddresses: options.localAddresses ?? [],
      logger: this.#logger,
      tell: (reason, message) => this.#tell(reason, message),
    });
    this.#hostPorts = new HostPorts(exec, nodeIPs, this.#logger);
    this.#links = new PodLinks(exec, this.#logger, {
      admit: (pod) => this.#admit(pod),
      leave: ({ netns }) => this.#policies?.leave(netns),
    });
    this.#nodes = informers.informer(nodes);
    this.#pods = informers.informer(pods, { fieldSelector: `spec.nodeName=${nodeName}` });
  }

  get ready(): boolean {
    return this.#ground !== undefined;
  }

  async start(remembered: readonly RememberedPod[] = []): Promise<void> {
    const { signal } = this.#options;
    await this.#links.adopt(remembered);
    await this.#hostPorts.adopt(this.#links.pods);
    await this.#startPolicies();
    await this.#adoptBridge();
    // Of a bridge that is gone too, the audit does it once the bridge is there again.
    if (this.#ground !== undefined && remembered.length > 0)
      await this.#mend(this.#ground).catch((error: unknown) =>
        this.#logger.error('a link was not put back', { error }),
      );
    const commit = (): Promise<void> => this.#commit();
    const loop = createCommitLoop({ name: 'pod network', commit, logger: this.#logger, signal });
    const follow = (): void => {
      const stop = this.#nodes.onChange(({ type, object, previous }) => {
        if (type !== 'updated' || previous === undefined || nodePart(object) !== nodePart(previous)) loop.request();
      });
      signal.addEventListener('abort', stop, { once: true });
      loop.request();
    };
    // Before the first LIST an empty cluster would look like one without nodes, and routes would go.
    void this.#nodes.synced.then(() => (signal.aborted ? undefined : follow()));
    everyInterval(this.#options.auditIntervalMs ?? defaultAuditIntervalMs, signal, () => this.#audit());
  }

  async setUp(
    pod: Parameters<NodeNetwork['setUp']>[0],
    needs: PodNeeds = {},
  ): Promise<{ netns: string; ips: readonly string[] }> {
    const ground = this.#ground;
    if (ground === undefined)
      throw new NetworkNotReadyError('the pod network is not ready: the node has no pod CIDR yet');
    const names = podNames(pod);
    this.#needs.set(names.netns, needs);
    try {
      const { netns, ips } = await this.#links.setUp(pod, ground, needs.bandwidth);
      return { netns: netnsPath(netns), ips };
    } catch (error) {
      await this.#hostPorts.leave(names.netns);
      throw error;
    } finally {
      this.#needs.delete(names.netns);
    }
  }

  /** Rules go first, so that no packet is sent to a pod that is going. */
  async tearDown(pod: Parameters<NodeNetwork['tearDown']>[0]): Promise<void> {
    await this.#hostPorts.leave(podNames(pod).netns);
    await this.#links.tearDown(pod);
  }

  /** Policies first: a port of the node may lead to the pod as soon as its rule is there. */
  async #admit(pod: AdoptedPod): Promise<void> {
    await this.#policies?.admit(pod.netns, localPod(pod), this.#podOf(pod));
    const { hostPorts = [] } = this.#needs.get(pod.netns) ?? {};
    if (hostPorts.length > 0) await this.#hostPorts.admit(pod.netns, { pod: pod.pod, ips: pod.ips, ports: hostPorts });
  }

  async policiesInForce(): Promise<void> {
    await this.#policies?.inForce();
  }

  async #startPolicies(): Promise<void> {
    this.#policies = await createNetworkPolicies({
      ...this.#options,
      families: this.#options.clusterCIDRs.map(familyOfText),
      logger: this.#logger,
      tell: (reason, message) => this.#tell(reason, message),
    });
    this.#policies.start(new Map(this.#links.pods.map((pod) => [pod.netns, localPod(pod)])));
  }

  /** As the API has it; undefined for one that only this node knows. */
  #podOf({ pod, uid }: AdoptedPod): Pod | undefined {
    const found = this.#pods.get(pod);
    return found?.metadata.uid === uid ? found : undefined;
  }

  attachments(): ReturnType<NodeNetwork['attachments']> {
    return this.#ground === undefined ? [] : this.#links.attachments(this.#ground);
  }

  /** A bridge that stands from before is enough to go on, API server or not. */
  async #adoptBridge(): Promise<void> {
    const found = await this.#node.find();
    if (found !== undefined) this.#standOn(found.podCIDRs, found.mtu);
  }

  #standOn(podCIDRs: readonly string[], mtu: number): void {
    const old = this.#ground;
    const known = old?.pools.map(({ cidr }) => formatCIDR(cidr)) ?? [];
    if (old?.mtu === mtu && known.join() === podCIDRs.join()) return;
    // A pool that stays goes on where it was.
    const pools = podCIDRs.map((text) => old?.pools[known.indexOf(text)] ?? createAddressPool(text, this.#links.ips));
    this.#ground = { pools, mtu };
    this.#logger.info('pod network is ready', { podCIDRs, pods: this.#links.pods.length, mtu });
    const stranded = strandedText(
      this.#links.pods,
      pools.map(({ cidr }) => cidr),
    );
    if (stranded !== undefined) this.#tell('PodsStranded', stranded);
  }

  async #commit(): Promise<void> {
    const own = this.#nodes.get(this.#options.nodeName);
    const podCIDRs = own === undefined ? [] : podCIDRsOf(own);
    if (podCIDRs.length === 0) return;
    const { mtu, missing } = await this.#node.sync({ podCIDRs, peers: peersOf(this.#nodes.list()) });
    this.#standOn(podCIDRs, mtu);
    for (const text of missing) this.#tell('PodNetworkIncomplete', text);
  }

  /** Puts back what somebody else broke, and clears what nobody claims. Never rejects. */
  async #audit(): Promise<void> {
    try {
      const ground = this.#ground;
      if (ground === undefined) return;
      const changes = await this.#node.audit();
      if (changes !== '') this.#tell('PodNetworkRepaired', `changed by somebody else and put right: ${changes}`);
      const ports = await this.#hostPorts.audit();
      if (ports !== '') this.#tell('PodNetworkRepaired', `changed by somebody else and put right: ${ports}`);
      await this.#mend(ground);
      await this.#links.adopt();
      await this.#links.settle();
      if (this.#pods.hasSynced) await this.#clearAbandoned();
    } catch (error) {
      this.#logger.error('audit of the pod network failed', { error });
    }
  }

  async #mend(ground: PodGround): Promise<void> {
    for (const text of await this.#links.mend(ground)) this.#tell('PodNetworkRepaired', text);
  }

  async #clearAbandoned(): Promise<void> {
    const found = abandonedPods(this.#links.pods, this.#pods.list());
    const again = found.filter(({ netns }) => this.#suspects.has(netns));
    this.#suspects = new Set(found.map(({ netns }) => netns));
    for (const pod of again) {
      if (await this.#links.isInhabited(pod)) continue;
      this.#logger.warn('a pod that the cluster does not know is taken away', { ...pod });
      await this.tearDown({ namespace: '', name: '', uid: pod.uid, attempt: pod.attempt });
    }
  }

  #tell(reason: string, message: string): void {
    const { nodeName, events } = this.#options;
    this.#logger.warn(message, { reason });
    const metadata = this.#nodes.get(nodeName)?.metadata ?? { name: nodeName };
    events.event({ apiVersion: 'v1', kind: 'Node', metadata }, 'Warning', reason, message.slice(0, 900));
  }
}

function localPod({ pod, uid, ips }: AdoptedPod): LocalPod {
  return { key: pod, uid, ips };
}

/** See {@link NodeNetwork}. Nothing happens before `start`. */
export function createNodeNetwork(options: NodeNetworkOptions): NodeNetwork {
  return new BridgeNetwork(options);
}
