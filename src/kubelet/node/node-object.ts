/** The Node object of this machine. Pure. */
import { setCondition } from '../../api/conditions.ts';
import { formatTime } from '../../api/time.ts';
import type { ContainerImage, Node, NodeCondition, NodeStatus, Quantity, Taint } from '../../api/types.gen.ts';
import type { ImageInfo } from '../../runtime/contract.ts';
import type { MachineFacts } from './facts.ts';

/** The Kubernetes version whose behaviour this agent follows. */
export const kubeletVersion = 'v1.36.3+podwire';
/** Images listed in the status at most, the largest first. */
const maxImages = 50;

export interface NodeIdentity {
  readonly nodeName: string;
  readonly nodeIPs: readonly string[];
  readonly port: number;
  readonly maxPods: number;
  /** e.g. `conmon+crun://2.1.6` */
  readonly runtimeVersion: string;
  /** What a new Node gets besides its own labels; one that is registered already keeps what it has. */
  readonly labels?: Readonly<Record<string, string>>;
  readonly taints?: readonly Taint[];
}

/** What may change while the agent runs. */
export interface NodeHealth {
  readonly networkReady: boolean;
  readonly runtimeReady: boolean;
  readonly images: readonly ImageInfo[];
}

/** What the node has, and pods may have. */
export function nodeResources(facts: MachineFacts, maxPods: number): Record<string, Quantity> {
  return {
    cpu: String(facts.cpus),
    memory: `${Math.floor(facts.memoryBytes / 1024)}Ki`,
    'ephemeral-storage': `${Math.floor(facts.diskBytes / 1024)}Ki`,
    pods: String(maxPods),
  };
}

/** Labels that the kubelet keeps on its Node. */
export function nodeLabels(nodeName: string, { architecture }: MachineFacts): Record<string, string> {
  return {
    'beta.kubernetes.io/arch': architecture,
    'beta.kubernetes.io/os': 'linux',
    'kubernetes.io/arch': architecture,
    'kubernetes.io/hostname': nodeName,
    'kubernetes.io/os': 'linux',
  };
}

function readiness({ networkReady, runtimeReady }: NodeHealth): NodeCondition {
  const problems = [
    ...(runtimeReady ? [] : ['container runtime is down']),
    ...(networkReady ? [] : ['container runtime network not ready: the pod network of this node is not set up']),
  ];
  return problems.length === 0
    ? { type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'kubelet is posting ready status' }
    : { type: 'Ready', status: 'False', reason: 'KubeletNotReady', message: `[${problems.join(', ')}]` };
}

const noPressure: readonly NodeCondition[] = [
  {
    type: 'MemoryPressure',
    status: 'False',
    reason: 'KubeletHasSufficientMemory',
    message: 'kubelet has sufficient memory available',
  },
  {
    type: 'DiskPressure',
    status: 'False',
    reason: 'KubeletHasNoDiskPressure',
    message: 'kubelet has no disk pressure',
  },
  {
    type: 'PIDPressure',
    status: 'False',
    reason: 'KubeletHasSufficientPID',
    message: 'kubelet has sufficient PID available',
  },
];

/** All conditions, each with its heartbeat; transition times are kept while a status stays. */
export function nodeConditions(old: readonly NodeCondition[], health: NodeHealth, now: Date): NodeCondition[] {
  const own = [...noPressure, readiness(health)].map((condition) => ({
    ...condition,
    lastHeartbeatTime: formatTime(now),
  }));
  return own.reduce<NodeCondition[]>((list, condition) => setCondition(list, condition, now), [...old]);
}

function containerImages(images: readonly ImageInfo[]): ContainerImage[] {
  const largestFirst = [...images].sort((a, b) => b.sizeBytes - a.sizeBytes || a.id.localeCompare(b.id));
  return largestFirst
    .slice(0, maxImages)
    .map(({ digests, tags, sizeBytes }) => ({ names: [...digests, ...tags].slice(0, 5), sizeBytes }));
}

/** The status, on top of what others wrote into the old one. */
export function nodeStatus(
  old: NodeStatus,
  identity: NodeIdentity,
  facts: MachineFacts,
  health: NodeHealth,
  now: Date,
): NodeStatus {
  const { nodeName, nodeIPs, port, maxPods, runtimeVersion } = identity;
  const resources = nodeResources(facts, maxPods);
  return {
    ...old,
    addresses: [
      ...nodeIPs.map((address) => ({ type: 'InternalIP', address })),
      { type: 'Hostname', address: nodeName },
    ],
    capacity: resources,
    allocatable: resources,
    conditions: nodeConditions(old.conditions ?? [], health, now),
    daemonEndpoints: { kubeletEndpoint: { Port: port } },
    images: containerImages(health.images),
    nodeInfo: {
      architecture: facts.architecture,
      bootID: facts.bootID,
      containerRuntimeVersion: runtimeVersion,
      kernelVersion: facts.kernelVersion,
      kubeProxyVersion: '',
      kubeletVersion,
      machineID: facts.machineID,
      operatingSystem: 'linux',
      osImage: facts.osImage,
      systemUUID: facts.systemUUID,
    },
  };
}

/** What a new Node looks like. */
export function newNode(identity: NodeIdentity, facts: MachineFacts, health: NodeHealth, now: Date): Node {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name: identity.nodeName,
      labels: { ...identity.labels, ...nodeLabels(identity.nodeName, facts) },
      // Every Node has it elsewhere, and flannel 0.26 writes its own among them without looking whether there are any.
      annotations: { 'volumes.kubernetes.io/controller-managed-attach-detach': 'true' },
    },
    spec: identity.taints === undefined ? {} : { taints: [...identity.taints] },
    status: nodeStatus({}, identity, facts, health, now),
  };
}
