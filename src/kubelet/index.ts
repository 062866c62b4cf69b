/** The kubelet: runs the pods that the API gives to this node, and tells how they are. */
import { mkdir } from 'node:fs/promises';
import type { ApiClient } from '../api/client.ts';
import type { InformerFactory } from '../api/informer.ts';
import type { Logger } from '../api/logger.ts';
import { isMirrorPod } from '../api/pod-references.ts';
import { endpointSlices, nodes, pods, services } from '../api/resources.ts';
import type { Node, Pod } from '../api/types.gen.ts';
import type { ImageService, RuntimeService } from '../runtime/contract.ts';
import { createImageManager } from './containers/images.ts';
import { createPodDirs } from './files/pod-dirs.ts';
import { rotateLogs } from './logs/log-rotation.ts';
import { readMachineFacts, type MachineFacts } from './node/facts.ts';
import { keepNodeLease } from './node/lease.ts';
import { keepNode } from './node/node-keeper.ts';
import { nodeResources, type NodeIdentity } from './node/node-object.ts';
import { createServiceExit, podIndex, type OwnRules } from './pods/leave-services.ts';
import { watchLocalStorage } from './pods/local-storage.ts';
import { createPodEvents, type Recorder } from './pods/pod-events.ts';
import { createPodWorkers, type PodWorkersOptions } from './pods/pod-workers.ts';
import { startKubeletServer, type ServingTls } from './server/server.ts';
import type { PodCheck } from './static/manifest.ts';
import { createStaticPods, type StaticPods } from './static/static-pods.ts';
import { createStatusManager } from './status/status-manager.ts';
import { createPodVolumes } from './volumes/pod-volumes.ts';
import { createServiceAccountTokens } from './volumes/tokens.ts';

export { writePair, type KeyPair } from './certificates/certificate-file.ts';
export { goodPair, keepCertificate } from './certificates/keep-certificate.ts';
export { clientPurpose, requestCertificate, servingPurpose } from './certificates/request-certificate.ts';
export type { ServingTls } from './server/server.ts';
export type { PodCheck, Problem } from './static/manifest.ts';

export interface KubeletOptions {
  readonly client: ApiClient;
  readonly informers: InformerFactory;
  readonly runtime: RuntimeService;
  readonly images: ImageService;
  readonly network: { readonly ready: boolean };
  readonly events: Recorder;
  readonly nodeName: string;
  readonly nodeIPs: readonly string[];
  /** What must outlive the agent. */
  readonly stateDir: string;
  /** A folder in memory, for Secrets and tokens; `stateDir` when left out. */
  readonly runDir?: string;
  /** Pods' logs: `/var/log/pods`. */
  readonly logDir: string;
  readonly port: number;
  readonly tls: ServingTls;
  readonly clusterDomain: string;
  /** Addresses of the cluster's DNS; pods get the node's resolver without it. */
  readonly clusterDNS?: readonly string[];
  /** e.g. `conmon+crun://1.8.1` */
  readonly runtimeVersion?: string;
  readonly maxPods?: number;
  /** The node gives a sign of life four times in it. */
  readonly nodeLeaseDurationSeconds: number;
  /** What a new Node is registered with. */
  readonly nodeLabels?: NodeIdentity['labels'];
  readonly registerWithTaints?: NodeIdentity['taints'];
  /** A folder of manifests, and what the API would make of the pods in them. */
  readonly manifests?: { readonly folder: string; readonly loadCheck: () => Promise<PodCheck> };
  /** When the log of a running container is put aside, and how many of its files are kept. Default 10 MiB and 5. */
  readonly containerLogs?: { readonly maxBytes: number; readonly maxFiles: number };
  /** The proxy of this process, when there is one. */
  readonly ownRules?: OwnRules;
  /** How long the other nodes have to take a pod out of their rules before it is told to stop. Default 200 ms. */
  readonly endpointDrainMs?: number;
  /** What other parts of this process add to the node's `/metrics`. */
  readonly metrics?: () => string;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

const defaultEndpointDrainMs = 200;
const defaultContainerLogs = { maxBytes: 10 * 1024 * 1024, maxFiles: 5 };

type Deps = PodWorkersOptions['deps'];

/** The parts that the pods' workers share. */
function assemble(options: KubeletOptions, allocatable: ReturnType<typeof nodeResources>): Deps {
  const { client, runtime, network, nodeName, nodeIPs, clusterDomain, clusterDNS = [], signal } = options;
  const logger = options.logger.with({ floor: 'kubelet' });
  const serviceInformer = options.informers.informer(services);
  const events = createPodEvents(options.events);
  const dirs = createPodDirs(options.stateDir, options.logDir);
  const memoryDirs = createPodDirs(options.runDir ?? options.stateDir, options.logDir);
  const images = createImageManager({ images: options.images, client, events });
  return {
    runtime,
    starter: {
      client,
      runtime,
      images,
      events,
      dirs,
      services: () => serviceInformer.list(),
      nodeIPs,
      allocatable: () => allocatable,
      logger,
    },
    images,
    statuses: createStatusManager({ client, logger, signal }),
    volumes: createPodVolumes({
      client,
      dirs,
      memoryDirs,
      tokens: createServiceAccountTokens(client),
      allocatable: () => allocatable,
    }),
    serviceExit: createServiceExit({
      slices: options.informers.informer(endpointSlices, podIndex(nodeName)),
      nodeName,
      ownRules: options.ownRules,
      drainMs: options.endpointDrainMs ?? defaultEndpointDrainMs,
      logger,
      signal,
    }),
    events,
    dirs,
    nodeName,
    nodeIPs,
    maxPods: Number(allocatable['pods']),
    dns: { domain: clusterDomain, servers: clusterDNS },
    network,
    logger,
  };
}

/** Pods from files. What is wrong with those is told as Events of the Node, once there is one. */
function followManifests(
  { manifests, nodeName, signal, ...options }: KubeletOptions,
  registered: Promise<Node>,
): StaticPods | undefined {
  if (manifests === undefined) return undefined;
  const { folder, loadCheck } = manifests;
  const onProblem = (problem: string): void => {
    const tell = ({ metadata }: Node): void =>
      options.events.event({ apiVersion: 'v1', kind: 'Node', metadata }, 'Warning', 'InvalidManifest', problem);
    void registered.then(tell, () => undefined);
  };
  const logger = options.logger.with({ floor: 'kubelet' });
  return createStaticPods({ folder, nodeName, loadCheck, onProblem, logger, signal });
}

interface NodeFacts {
  readonly identity: NodeIdentity;
  readonly facts: MachineFacts;
  readonly onReady: (ready: boolean) => void;
}

/** Resolves with the Node; it and its Lease are kept from then on. */
async function keepRegistered(options: KubeletOptions, node: NodeFacts): Promise<Node> {
  const { client, images, network, nodeName, logger, signal } = options;
  const lease: { current?: ReturnType<typeof keepNodeLease> } = {};
  let known = await keepNode({
    ...node,
    client,
    nodes: options.informers.informer(nodes),
    images,
    network,
    isRuntimeReady: () => true,
    onRegisteredAgain: (again) => {
      known = again;
      lease.current?.renew();
      const message = `Node ${nodeName} was deleted while its agent runs, and is registered again`;
      options.events.event({ ...again, apiVersion: 'v1', kind: 'Node' }, 'Warning', 'NodeRegisteredAgain', message);
    },
    logger,
    signal,
  });
  const nodeUid = (): string | undefined => known.metadata.uid;
  const durationSeconds = options.nodeLeaseDurationSeconds;
  lease.current = keepNodeLease({ client, nodeName, nodeUid, durationSeconds, logger, signal });
  return known;
}

/**
 * Starts everything and resolves once the Node is registered and its pods are being worked on; it goes on until `signal`.
 * Stopping it stops no container. Rejects when the port cannot be listened on or the runtime does not start.
 */
export async function startKubelet(options: KubeletOptions): Promise<void> {
  const { client, runtime, nodeName, logger, signal } = options;
  await mkdir(options.stateDir, { recursive: true, mode: 0o700 });
  const facts = await readMachineFacts(options.stateDir);
  const identity: NodeIdentity = {
    nodeName,
    nodeIPs: options.nodeIPs,
    port: options.port,
    maxPods: options.maxPods ?? 110,
    runtimeVersion: options.runtimeVersion ?? 'conmon+crun://unknown',
    ...(options.nodeLabels === undefined ? {} : { labels: options.nodeLabels }),
    ...(options.registerWithTaints === undefined ? {} : { taints: options.registerWithTaints }),
  };
  // A selector of its own: the API sends only what is for this node.
  const informer = options.informers.informer(pods, { fieldSelector: `spec.nodeName=${nodeName}` });
  const deps = assemble(options, nodeResources(facts, identity.maxPods));
  const registered = Promise.withResolvers<Node>();
  const manifests = followManifests(options, registered.promise);
  await manifests?.start();
  const statics = manifests && { pods: manifests, nodes: options.informers.informer(nodes) };
  const workers = createPodWorkers({ client, informer, ...(statics && { statics }), deps, signal });
  const podsHere = (): Pod[] => [...informer.list().filter((pod) => !isMirrorPod(pod)), ...workers.statics()];
  await startKubeletServer({ ...options, pods: podsHere, logger });
  await runtime.start();
  rotateLogs({ runtime, ...(options.containerLogs ?? defaultContainerLogs), logger, signal });
  watchLocalStorage({
    pods: () => workers.active(),
    evict: (pod, why) => workers.evict(pod, why),
    ...{ runtime, dirs: deps.dirs, logger, signal },
  });
  await workers.startStatics();

  const onReady = (ready: boolean): void => {
    logger.info(ready ? 'the node is ready' : 'the node is not ready', { node: nodeName });
    workers.wakeAll();
  };
  registered.resolve(await keepRegistered(options, { identity, facts, onReady }));
  // A container's environment names the Services there are.
  await Promise.race([
    options.informers.informer(services).synced,
    new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true })),
  ]);
  await workers.start();
}
