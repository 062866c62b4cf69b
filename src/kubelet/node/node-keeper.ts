/** Registers this machine's Node and keeps its status true. */
import { isDeepStrictEqual } from 'node:util';
import type { ApiClient } from '../../api/client.ts';
import { isAlreadyExists } from '../../api/errors.ts';
import type { Logger } from '../../api/logger.ts';
import { nodes } from '../../api/resources.ts';
import type { Node, NodeStatus } from '../../api/types.gen.ts';
import type { ImageService } from '../../runtime/contract.ts';
import type { MachineFacts } from './facts.ts';
import { newNode, nodeLabels, nodeStatus, type NodeHealth, type NodeIdentity } from './node-object.ts';

export interface NodeKeeperOptions {
  readonly client: ApiClient;
  readonly identity: NodeIdentity;
  readonly facts: MachineFacts;
  readonly images: ImageService;
  readonly network: { readonly ready: boolean };
  readonly isRuntimeReady: () => boolean;
  /** Readiness changed (or is known for the first time). */
  readonly onReady: (ready: boolean) => void;
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
      return await client.create(nodes, newNode(this.#options.identity, facts, health, new Date()));
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
    }
    const patch = { metadata: { labels: nodeLabels(nodeName, facts) } };
    const there = await client.patch(nodes, { name: nodeName }, patch, { type: 'merge' });
    return this.#writeStatus(there, health);
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
        await this.#report(health);
        await pause(ready ? patientMs : impatientMs, signal);
      } catch (error) {
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
    const patch = { status: { addresses, capacity, allocatable, conditions, daemonEndpoints, images, nodeInfo } };
    return this.#options.client.patch(nodes, { name: node.metadata.name ?? '' }, patch, {
      type: 'strategic',
      subresource: 'status',
    });
  }
}

/** Resolves with the Node once it is registered, however long the API is away; then its status is kept until `signal`. */
export async function keepNode(options: NodeKeeperOptions): Promise<Node> {
  const keeper = new NodeKeeper(options);
  const node = await keeper.register();
  void keeper.keep();
  return node;
}
