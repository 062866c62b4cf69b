/** Registers this machine's Node and keeps its status true. */
import { isDeepStrictEqual } from 'node:util';
import type { ApiClient } from '../../api/client.ts';
import { isAlreadyExists, isNotFound } from '../../api/errors.ts';
import type { Informer } from '../../api/informer.ts';
import type { Logger } from '../../api/logger.ts';
import { nodes } from '../../api/resources.ts';
import type { Node, NodeStatus } from '../../api/types.gen.ts';
import type { ImageService } from '../../runtime/contract.ts';
import type { MachineFacts } from './facts.ts';
import { newNode, nodeLabels, nodeStatus, type NodeHealth, type NodeIdentity } from './node-object.ts';

export interface NodeKeeperOptions {
  readonly client: ApiClient;
  /** Nodes, its own among them. */
  readonly nodes: Informer<Node>;
  readonly identity: NodeIdentity;
  readonly facts: MachineFacts;
  readonly images: ImageService;
  readonly network: { readonly ready: boolean };
  readonly isRuntimeReady: () => boolean;
  /** Readiness changed (or is known for the first time). */
  readonly onReady: (ready: boolean) => void;
  /** Somebody deleted the Node object, and this is the next one. */
  readonly onRegisteredAgain: (node: Node) => void;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** Readiness is looked at this often while it is missing, and afterwards. */
const impatientMs = 20;
const patientMs = 1_000;
const imagesMs = 30_000;
/** Without any change the status is written this often (upstream's nodeStatusReportFrequency). */
const reportMs = 300_000;
const firstRetryMs = 50;
const maxRetryMs = 1_000;
/** Whoever deletes the Node again and again waits longer each time for the next one, until one has lived for so long. */
const againMs = { first: 200, max: 30_000, forgottenAfter: 300_000 };

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end);
  });
}

/** Without heartbeats, which alone are no reason to write. */
function substance({ conditions, ...rest }: NodeStatus): unknown {
  return {
    ...rest,
    conditions: (conditions ?? []).map((condition) => ({ ...condition, lastHeartbeatTime: undefined })),
  };
}

class NodeKeeper {
  readonly #options: NodeKeeperOptions;
  #node: Node | undefined;
  #registeredAtMs = 0;
  #againMs = againMs.first;
  /** Ends a pause of the loop. */
  #wake = new AbortController();
  #isGone = false;
  #writtenAtMs = 0;
  #images: NodeHealth['images'] = [];
  #imagesAtMs = 0;

  constructor(options: NodeKeeperOptions) {
    this.#options = options;
  }

  async register(): Promise<Node> {
    const { client, identity, facts, logger, signal } = this.#options;
    for (let retryMs = firstRetryMs; ; retryMs = Math.min(maxRetryMs, retryMs * 2)) {
      try {
        this.#node = await this.#createOrTake(client, identity, facts);
        this.#writtenAtMs = Date.now();
        this.#registeredAtMs = Date.now();
        this.#isGone = false;
        return this.#node;
      } catch (error) {
        if (signal.aborted) throw error;
        logger.warn('the node is not registered yet', { error: String(error) });
        await pause(retryMs, signal);
      }
    }
  }

  async #createOrTake(client: ApiClient, { nodeName }: NodeIdentity, facts: MachineFacts): Promise<Node> {
    const health = await this.#health();
    try {
      const fresh = newNode(this.#options.identity, facts, health, new Date());
      return await client.create(nodes, { ...fresh, spec: { ...fresh.spec, ...this.#podCIDR() } });
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
    }
    const patch = { metadata: { labels: nodeLabels(nodeName, facts) } };
    const there = await client.patch(nodes, { name: nodeName }, patch, { type: 'merge' });
    return this.#writeStatus(there, health);
  }

  /** Pods that run have addresses of it: a Node that comes again has the one that was there before. */
  #podCIDR(): Pick<NonNullable<Node['spec']>, 'podCIDR' | 'podCIDRs'> {
    const { podCIDR, podCIDRs } = this.#node?.spec ?? {};
    return { ...(podCIDR === undefined ? {} : { podCIDR }), ...(podCIDRs === undefined ? {} : { podCIDRs }) };
  }

  /** What others write into the Node counts, and its deletion. */
  follow(): void {
    const { nodes: informer, identity, signal } = this.#options;
    const stop = informer.onChange(({ type, object, previous }) => {
      if (object.metadata.name !== identity.nodeName) return;
      const node = this.#node;
      const uid = node?.metadata.uid;
      if (node !== undefined && object.metadata.uid === uid && type !== 'deleted') {
        this.#node = { ...node, ...(object.spec === undefined ? {} : { spec: object.spec }) };
      } else if (object.metadata.uid === uid || previous?.metadata.uid === uid) this.#gone();
    });
    signal.addEventListener('abort', stop, { once: true });
  }

  #gone(): void {
    this.#isGone = true;
    this.#wake.abort();
  }

  async #registerAgain(): Promise<void> {
    const { logger, signal, onRegisteredAgain } = this.#options;
    const lived = Date.now() - this.#registeredAtMs;
    if (lived > againMs.forgottenAfter) this.#againMs = againMs.first;
    logger.warn('somebody deleted the Node object; it is made again', { inMs: this.#againMs });
    await pause(this.#againMs, signal);
    this.#againMs = Math.min(againMs.max, this.#againMs * 2);
    if (signal.aborted) return;
    onRegisteredAgain(await this.register());
  }

  async keep(): Promise<void> {
    const { signal, logger, onReady } = this.#options;
    let wasReady: boolean | undefined;
    while (!signal.aborted) {
      const health = await this.#health();
      const ready = health.networkReady && health.runtimeReady;
      if (ready !== wasReady) onReady(ready);
      wasReady = ready;
      try {
        if (this.#isGone) await this.#registerAgain();
        await this.#report(health);
        this.#wake = new AbortController();
        if (!this.#isGone) await pause(ready ? patientMs : impatientMs, AbortSignal.any([signal, this.#wake.signal]));
      } catch (error) {
        if (isNotFound(error)) this.#gone();
        if (!signal.aborted) logger.warn('the node status was not written', { error: String(error) });
        await pause(maxRetryMs, signal);
      }
    }
  }

  async #health(): Promise<NodeHealth> {
    const { network, isRuntimeReady, images } = this.#options;
    if (Date.now() - this.#imagesAtMs > imagesMs) {
      this.#imagesAtMs = Date.now();
      this.#images = await images.listImages().catch(() => this.#images);
    }
    return { networkReady: network.ready, runtimeReady: isRuntimeReady(), images: this.#images };
  }

  async #report(health: NodeHealth): Promise<void> {
    const node = this.#node;
    if (node === undefined) return;
    const next = this.#statusFor(node, health);
    const isDue = Date.now() - this.#writtenAtMs >= reportMs;
    if (!isDue && isDeepStrictEqual(substance(node.status ?? {}), substance(next))) return;
    this.#node = await this.#writeStatus(node, health);
    this.#writtenAtMs = Date.now();
  }

  #statusFor(node: Node, health: NodeHealth): NodeStatus {
    return nodeStatus(node.status ?? {}, this.#options.identity, this.#options.facts, health, new Date());
  }

  #writeStatus(node: Node, health: NodeHealth): Promise<Node> {
    const status = this.#statusFor(node, health);
    const { addresses, capacity, allocatable, conditions, daemonEndpoints, images, nodeInfo } = status;
    // By its merge key, the type, a second InternalIP would take the place of the first.
    const whole = [...(addresses ?? []), { $patch: 'replace' }];
    const patch = {
      status: { addresses: whole, capacity, allocatable, conditions, daemonEndpoints, images, nodeInfo },
    };
    return this.#options.client.patch(nodes, { name: node.metadata.name ?? '' }, patch, {
      type: 'strategic',
      subresource: 'status',
    });
  }
}

/**
 * Resolves with the Node once it is registered, however long the API is away; then its status is kept until `signal`, and the Node made
 * again when somebody deletes it.
 */
export async function keepNode(options: NodeKeeperOptions): Promise<Node> {
  const keeper = new NodeKeeper(options);
  const node = await keeper.register();
  keeper.follow();
  void keeper.keep();
  return node;
}
