/**
 * Containers behind CRI's own verbs (k8s.io/cri-api, runtime/v1): names and meanings are CRI's, shapes are ours.
 * Two tenants: `builtin` (OCI images, conmon + crun or runc) and, later, `cri` (a gRPC socket).
 */

/** Who a sandbox is for. */
export interface PodIdentity {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** Counts sandboxes of the same pod, from 0. */
  readonly attempt: number;
}

/**
 * The pod network as the runtime needs it. CRI runtimes call CNI at this place; ours calls this. Both are idempotent.
 */
export interface PodNetwork {
  /** Makes the namespace, link, addresses, routes and what the pod needs besides; when it resolves packets flow. A failure leaves nothing behind. */
  setUp(pod: PodIdentity, needs?: PodNetworkNeeds): Promise<PodNetworkStatus>;
  /** Takes all of it away again, whatever is left of it. Resolves also when nothing was there. */
  tearDown(pod: PodIdentity): Promise<void>;
}

/** CRI's PortMapping. */
export interface PortMapping {
  /** The address of the node; empty, `0.0.0.0` or `::` for all. */
  readonly hostIP: string;
  readonly hostPort: number;
  readonly containerPort: number;
  readonly protocol: string;
}

export interface PodNetworkNeeds {
  readonly hostPorts?: readonly PortMapping[];
  /** Bits a second to the pod, and from it; no limit when left out. */
  readonly bandwidth?: { readonly ingress?: number; readonly egress?: number };
}

export interface PodNetworkStatus {
  /** e.g. `/run/netns/pw-1a2b3c4d` */
  readonly netns: string;
  /** Pod IPs, the primary first. */
  readonly ips: readonly string[];
}

export interface PodSandboxConfig {
  readonly pod: PodIdentity;
  readonly hostname: string;
  /** Use the node's own network namespace: no PodNetwork call. */
  readonly hostNetwork: boolean;
  /** What it asks of the network besides an address. */
  readonly network?: PodNetworkNeeds;
  readonly hostPID?: boolean;
  readonly hostIPC?: boolean;
  /** Its containers see each other's processes; the pause process is their process 1. */
  readonly sharePID?: boolean;
  /** Kernel settings of its own namespaces; the caller has chosen which. */
  readonly sysctls?: Readonly<Record<string, string>>;
  /** Which of several runtimes the pod is for: a RuntimeClass's `handler`; left out: the usual one. */
  readonly runtimeHandler?: string;
  /** Text of /etc/resolv.conf; the node's own when left out. */
  readonly resolvConf?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface PodSandboxStatus {
  readonly id: string;
  readonly pod: PodIdentity;
  /** `notready` when the pause process is gone or the sandbox was stopped: it never becomes ready again. */
  readonly state: 'ready' | 'notready';
  readonly createdAt: string;
  readonly ips: readonly string[];
  readonly netns: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface Mount {
  readonly hostPath: string;
  /** A folder that others may write to, in which `hostPath` lies, links resolved: one that was put there since is not followed. */
  readonly beneath?: string;
  readonly containerPath: string;
  readonly readOnly: boolean;
  readonly propagation?: MountPropagation;
}

/**
 * Of mounts that are made below, later: `HostToContainer` shows the container those of the machine, `Bidirectional` each those of the other. None
 * when left out. What is shown must lie on a shared mount of the machine.
 */
export type MountPropagation = 'HostToContainer' | 'Bidirectional';

export interface ContainerConfig {
  /** The container's name in the pod, and how often it was started before: `restartCount`. */
  readonly name: string;
  readonly attempt: number;
  /** An image ID as `imageStatus` gave it. */
  readonly imageId: string;
  /** Replaces the image's ENTRYPOINT when not empty. */
  readonly command: readonly string[];
  /** Replaces the image's CMD when not empty (or when `command` is given). */
  readonly args: readonly string[];
  readonly workingDir?: string;
  readonly env: readonly { readonly name: string; readonly value: string }[];
  readonly mounts: readonly Mount[];
  readonly tty: boolean;
  readonly stdin: boolean;
  /** Its standard input ends with that of the first one who attaches. */
  readonly stdinOnce?: boolean;
  readonly privileged: boolean;
  /** No program gains rights by being run (setuid, file capabilities). */
  readonly noNewPrivileges?: boolean;
  /** It is not started as user 0, whoever says so: the pod or the image. */
  readonly runAsNonRoot?: boolean;
  readonly runAsUser?: number;
  readonly runAsGroup?: number;
  /** Added to those that the image's /etc/group gives the user. */
  readonly supplementalGroups?: readonly number[];
  readonly addCapabilities: readonly string[];
  readonly dropCapabilities: readonly string[];
  readonly readOnlyRootfs: boolean;
  /** Where the container's output goes, in CRI's log format (`RFC3339Nano stdout|stderr F|P text`). */
  readonly logPath: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly resources?: { readonly cpuShares?: number; readonly cpuQuotaMicros?: number; readonly memoryBytes?: number };
}

export type ContainerState = 'created' | 'running' | 'exited' | 'unknown';

export interface ContainerStatus {
  readonly id: string;
  readonly sandboxId: string;
  readonly name: string;
  readonly attempt: number;
  readonly state: ContainerState;
  readonly createdAt: string;
  readonly startedAt: string | undefined;
  readonly finishedAt: string | undefined;
  readonly exitCode: number | undefined;
  /** `Completed`, `Error`, `OOMKilled`, `ContainerCannotRun` … */
  readonly reason: string | undefined;
  readonly message: string | undefined;
  readonly imageId: string;
  /** The reference the image is known by, for `status.containerStatuses[].image`. */
  readonly image: string;
  readonly logPath: string;
  readonly pid: number | undefined;
}

/** A process in a container that somebody talks to. All streams must be read or destroyed. */
export interface ExecSession {
  readonly stdin: NodeJS.WritableStream | undefined;
  readonly stdout: NodeJS.ReadableStream;
  /** Missing with a tty: the terminal mixes both. */
  readonly stderr: NodeJS.ReadableStream | undefined;
  /** No-op without a tty. */
  resize(columns: number, rows: number): void;
  /** The exit code; rejects when the process could not be started (then nothing ran). */
  readonly exitCode: Promise<number>;
  /** Ends the process. */
  kill(): void;
}

export interface ExecOptions {
  readonly command: readonly string[];
  readonly tty: boolean;
  readonly stdin: boolean;
}

export interface AttachOptions {
  /** Without effect when the container was made without stdin. */
  readonly stdin: boolean;
}

/** Something ended by itself, was killed from outside, or was found dead at start. */
export interface RuntimeEvent {
  readonly type: 'containerExited' | 'sandboxNotReady';
  readonly podUid: string;
  readonly id: string;
}

/** Every verb rejects with a RuntimeError naming the pod or container. All are idempotent as CRI asks. */
export interface RuntimeService {
  /** Reads back what is there (containers outlive the agent) and starts to watch for exits. */
  start(): Promise<void>;
  /** Stops watching; containers go on. */
  stop(): Promise<void>;
  onEvent(handler: (event: RuntimeEvent) => void): void;
  /** Network first, then the pause process in it. */
  runPodSandbox(config: PodSandboxConfig): Promise<PodSandboxStatus>;
  /** Kills every container of it and the pause process, then takes the network away. */
  stopPodSandbox(id: string): Promise<void>;
  removePodSandbox(id: string): Promise<void>;
  listPodSandboxes(): Promise<readonly PodSandboxStatus[]>;
  createContainer(sandboxId: string, config: ContainerConfig): Promise<string>;
  startContainer(id: string): Promise<void>;
  /** The stop signal of the image (TERM by default), then KILL after `timeoutSeconds`. Resolves when it is dead. */
  stopContainer(id: string, timeoutSeconds: number): Promise<void>;
  removeContainer(id: string): Promise<void>;
  listContainers(): Promise<readonly ContainerStatus[]>;
  containerStatus(id: string): Promise<ContainerStatus | undefined>;
  /** What its own files (all that differs from its image) take on disk. Counted when asked: not for a hot path. */
  containerStats(id: string): Promise<{ readonly writableLayerBytes: number }>;
  /**
   * The log's file has got another name: the container is told to go on in a new one under `logPath`, and does so in a moment, losing
   * nothing. Rejects when it cannot be told: then it goes on in the old one.
   */
  reopenContainerLog(id: string): Promise<void>;
  exec(id: string, options: ExecOptions): Promise<ExecSession>;
  /**
   * The streams of the container's own process, from now on. `exitCode` resolves to 0 at its end; `kill` ends the session only.
   */
  attach(id: string, options: AttachOptions): Promise<ExecSession>;
  execSync(
    id: string,
    command: readonly string[],
    timeoutSeconds: number,
  ): Promise<{ exitCode: number; stdout: string; stderr: string }>;
}

export interface ImageInfo {
  /** `sha256:…` of the image's config. */
  readonly id: string;
  /** e.g. `docker.io/library/busybox:latest` */
  readonly tags: readonly string[];
  readonly digests: readonly string[];
  readonly sizeBytes: number;
  /** Those of its tags that somebody imported: no registry is asked whether they are still the newest. */
  readonly importedTags?: readonly string[];
}

/** Who asks a registry. */
export interface RegistryCredentials {
  readonly username: string;
  readonly password: string;
  /** A refresh token in the place of a password (OAuth2, as `docker login` gets from some registries). */
  readonly identityToken?: string;
}

export interface PullProgress {
  /** Of the layers that were not here, as they are sent. */
  readonly doneBytes: number;
  readonly totalBytes: number;
}

export interface PullOptions {
  /** Anonymous when left out. */
  readonly credentials?: RegistryCredentials | undefined;
  /** Plain http, or https by nobody's certificate, will do. Registries on a loopback address are asked so in any case. */
  readonly insecure?: boolean | undefined;
  onProgress?(progress: PullProgress): void;
  readonly signal?: AbortSignal | undefined;
}

/** One content store, shared by every node of the machine. */
export interface ImageService {
  /** `reference` as a pod names it (`busybox`, `busybox:1.0`, `registry:5000/a/b@sha256:…`, an ID); undefined when it is not here. */
  imageStatus(reference: string): Promise<ImageInfo | undefined>;
  listImages(): Promise<readonly ImageInfo[]>;
  /** An OCI layout (directory or tar) or a docker archive, gzip or not. Resolves with what was imported. */
  importArchive(path: string, options?: { readonly tag?: string }): Promise<readonly ImageInfo[]>;
  removeImage(reference: string): Promise<void>;
  /**
   * Asks the registry what the name stands for now, and fetches what is not here. Nothing of it is in the store before all of it is.
   * Rejects with a PullError that names image and cause.
   */
  pullImage(reference: string, options?: PullOptions): Promise<ImageInfo>;
}
