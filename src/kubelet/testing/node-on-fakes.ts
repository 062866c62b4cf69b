/** A node's pod workers over a fake runtime and a fake API, for tests. */
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '../../api/logger.ts';
import { endpointSlices, nodes, pods, services } from '../../api/resources.ts';
import type { Container, ContainerStatus, Pod, PodSpec } from '../../api/types.gen.ts';
import { createImageManager } from '../containers/images.ts';
import { createPodDirs, type PodDirs } from '../files/pod-dirs.ts';
import { createServiceExit, podIndex, type OwnRules } from '../pods/leave-services.ts';
import { createPodEvents } from '../pods/pod-events.ts';
import { createPodWorkers, type PodWorkers } from '../pods/pod-workers.ts';
import { createStaticPods, type StaticPods } from '../static/static-pods.ts';
import { createStatusManager } from '../status/status-manager.ts';
import { createPodVolumes } from '../volumes/pod-volumes.ts';
import { createServiceAccountTokens } from '../volumes/tokens.ts';
import { createFakeApi } from './fake-api.ts';
import { createFakeImages, createFakeRuntime } from './fake-runtime.ts';

const allocatable = (): Record<string, string> => ({ cpu: '2', memory: '4Gi' });

/** A pod of node1 in `default` with one container, `main`. */
export function pod(name: string, spec: Partial<PodSpec> = {}, container: Partial<Container> = {}): Pod {
  return {
    metadata: { name, namespace: 'default', uid: `uid-of-${name}`, generation: 1 },
    spec: { containers: [{ name: 'main', image: 'busybox', ...container }], nodeName: 'node1', ...spec },
  };
}

/** The image `busybox` is there; the network is ready unless a test says otherwise. */
export class NodeOnFakes {
  readonly api = createFakeApi();
  readonly runtime = createFakeRuntime();
  readonly images = createFakeImages('busybox');
  readonly network = { ready: true };
  /** The node's rules name nobody, unless a test says otherwise. */
  readonly ownRules: OwnRules = { endpointGone: () => Promise.resolve() };
  /** Events as `TYPE REASON MESSAGE`. */
  readonly told: string[] = [];
  /** How long a pod goes on serving after its slice said that it leaves. */
  drainMs = 50;
  readonly folder: string;
  readonly dirs: PodDirs;
  /** Files in it are static pods, when it is there as the agent starts. */
  readonly manifests: string;
  #ending = new AbortController();

  constructor(folder: string) {
    this.folder = folder;
    this.dirs = createPodDirs(join(folder, 'state'), join(folder, 'logs'));
    this.manifests = join(folder, 'manifests');
  }

  /** Starts an agent's workers; after `stopAgent` it is another agent over the same node. */
  async start(maxPods = 110): Promise<PodWorkers> {
    const { api, runtime, dirs } = this;
    const { client, informers } = api;
    const { signal } = this.#ending;
    const events = createPodEvents({
      event: (_, type, reason, message) => void this.told.push(`${type} ${reason} ${message}`),
    });
    const images = createImageManager({ images: this.images, client, events });
    const nodeIPs = ['10.0.0.1'];
    const listServices = () => informers.informer(services).list();
    const statics = existsSync(this.manifests) ? await this.#statics(signal) : undefined;
    const workers = createPodWorkers({
      client,
      informer: informers.informer(pods),
      ...(statics && { statics: { pods: statics, nodes: informers.informer(nodes) } }),
      signal,
      deps: {
        runtime,
        images,
        starter: {
          client,
          runtime,
          images,
          events,
          dirs,
          services: listServices,
          nodeIPs,
          allocatable,
          logger: silentLogger,
        },
        statuses: createStatusManager({ client, logger: silentLogger, signal }),
        volumes: createPodVolumes({
          client,
          dirs,
          memoryDirs: dirs,
          tokens: createServiceAccountTokens(client),
          allocatable,
        }),
        serviceExit: createServiceExit({
          slices: informers.informer(endpointSlices, podIndex('node1')),
          nodeName: 'node1',
          ownRules: this.ownRules,
          drainMs: this.drainMs,
          logger: silentLogger,
          signal,
        }),
        events,
        dirs,
        nodeName: 'node1',
        nodeIPs,
        maxPods,
        dns: { domain: 'cluster.local', servers: [] },
        network: this.network,
        logger: silentLogger,
      },
    });
    await workers.startStatics();
    await workers.start();
    return workers;
  }

  async #statics(signal: AbortSignal): Promise<StaticPods> {
    const statics = createStaticPods({
      folder: this.manifests,
      nodeName: 'node1',
      loadCheck: async () => ({ shape: () => [], complete: () => [] }),
      onProblem: (problem) => this.told.push(problem),
      logger: silentLogger,
      signal,
    });
    await statics.start();
    return statics;
  }

  /** The agent dies; what runs goes on. */
  stopAgent(): void {
    this.#ending.abort();
    this.#ending = new AbortController();
  }

  find(name: string): Pod | undefined {
    return this.api.find(pods, `default/${name}`);
  }

  /** Status of the pod's first container. */
  main(name: string): ContainerStatus | undefined {
    return this.find(name)?.status?.containerStatuses?.[0];
  }

  isReady(name: string): boolean {
    return this.find(name)?.status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True';
  }

  /** Waits up to 5 s; rejects with what was done meanwhile. */
  async until(what: string, check: () => boolean | undefined): Promise<void> {
    for (let turn = 0; turn < 1000; turn += 1) {
      if (check() === true) return;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const calls = this.runtime.calls.join(', ');
    throw new Error(`not seen: ${what}; calls ${calls}; events ${this.told.join(', ')}`);
  }

  async close(): Promise<void> {
    this.#ending.abort();
    await new Promise((resolve) => setTimeout(resolve, 20));
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** A node with a folder of its own; close it. */
export async function createNodeOnFakes(): Promise<NodeOnFakes> {
  return new NodeOnFakes(await mkdtemp(join(tmpdir(), 'kubelet-test-')));
}
