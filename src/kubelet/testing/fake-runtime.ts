/**
 * A runtime in memory for tests: refuses what the real one refuses, tells of ends, and can be made to lose a container or
 * a whole sandbox. Time is the real one, processes are names.
 */
import { writeFile } from 'node:fs/promises';
import type {
  AttachOptions,
  ContainerConfig,
  ContainerStatus,
  ExecOptions,
  ExecSession,
  ImageInfo,
  ImageService,
  PodSandboxConfig,
  PodSandboxStatus,
  RuntimeEvent,
  RuntimeService,
} from '../../runtime/contract.ts';

export interface FakeRuntime extends RuntimeService {
  /** Every verb that changed something, such as `run web`, `start web/main/0`. */
  readonly calls: string[];
  /** Configs of created containers by ID. */
  readonly configs: ReadonlyMap<string, ContainerConfig>;
  readonly sandboxConfigs: ReadonlyMap<string, PodSandboxConfig>;
  /** The container's process ends by itself. */
  exit(podName: string, container: string, exitCode: number): void;
  /** The pause process is killed, and with it all of the sandbox. */
  killSandbox(podName: string): void;
  /** The next call of this verb rejects. */
  failNext(verb: string, message: string): void;
  /** Containers of this name ignore TERM for so many ms. */
  slowToStop: Map<string, number>;
  /** What `exec` answers with. */
  execSession: ((id: string, options: ExecOptions) => ExecSession) | undefined;
  /** What `execSync` answers with, by the command's words. */
  execResults: Map<string, number>;
  /** `execSync` answers when this has resolved. */
  execWaits: Promise<void> | undefined;
  /** Bytes that a container has written, by its ID. */
  written: Map<string, number>;
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

interface Sandbox extends Writable<PodSandboxStatus> {
  stopped: boolean;
}

const now = (): string => new Date().toISOString();

class Fake implements FakeRuntime {
  readonly calls: string[] = [];
  readonly configs = new Map<string, ContainerConfig>();
  readonly sandboxConfigs = new Map<string, PodSandboxConfig>();
  readonly slowToStop = new Map<string, number>();
  readonly execResults = new Map<string, number>();
  readonly written = new Map<string, number>();
  execWaits: Promise<void> | undefined;
  execSession: FakeRuntime['execSession'];
  readonly #sandboxes = new Map<string, Sandbox>();
  readonly #containers = new Map<string, Writable<ContainerStatus>>();
  readonly #handlers: ((event: RuntimeEvent) => void)[] = [];
  readonly #failures = new Map<string, string>();
  #next = 1;

  async start(): Promise<void> {}
  async stop(): Promise<void> {}

  onEvent(handler: (event: RuntimeEvent) => void): void {
    this.#handlers.push(handler);
  }

  async runPodSandbox(config: PodSandboxConfig): Promise<PodSandboxStatus> {
    this.#mayFail('runPodSandbox');
    const { uid, attempt, name } = config.pod;
    for (const { pod, state } of this.#sandboxes.values()) {
      if (pod.uid === uid && pod.attempt === attempt) throw new Error(`sandbox ${name}/${attempt} exists`);
      if (pod.uid === uid && state === 'ready') throw new Error(`sandbox ${name}/${pod.attempt} is still ready`);
    }
    const number = this.#next++;
    const id = `sandbox${number}`;
    const ips = config.hostNetwork ? [] : [`10.1.0.${number}`];
    const sandbox: Sandbox = {
      id,
      pod: config.pod,
      state: 'ready',
      createdAt: now(),
      ips,
      netns: `/run/netns/${id}`,
      labels: config.labels,
      annotations: config.annotations,
      stopped: false,
    };
    this.#sandboxes.set(id, sandbox);
    this.sandboxConfigs.set(id, config);
    const by = config.runtimeHandler === undefined ? '' : ` by ${config.runtimeHandler}`;
    this.calls.push(`run ${name}/${attempt}${by}`);
    return { ...sandbox };
  }

  async stopPodSandbox(id: string): Promise<void> {
    const sandbox = this.#sandboxes.get(id);
    if (sandbox === undefined || sandbox.stopped) return;
    sandbox.stopped = true;
    this.calls.push(`stop ${sandbox.pod.name}/${sandbox.pod.attempt}`);
    this.#sandboxEnded(sandbox);
  }

  async removePodSandbox(id: string): Promise<void> {
    const sandbox = this.#sandboxes.get(id);
    if (sandbox === undefined) return;
    if (!sandbox.stopped) throw new Error(`sandbox ${id} is not stopped`);
    for (const container of [...this.#containers.values()]) {
      if (container.sandboxId === id) this.#containers.delete(container.id);
    }
    this.#sandboxes.delete(id);
    this.calls.push(`remove ${sandbox.pod.name}/${sandbox.pod.attempt}`);
  }

  async listPodSandboxes(): Promise<readonly PodSandboxStatus[]> {
    return [...this.#sandboxes.values()].map((sandbox) => ({ ...sandbox }));
  }

  async createContainer(sandboxId: string, config: ContainerConfig): Promise<string> {
    this.#mayFail('createContainer');
    const sandbox = this.#sandboxes.get(sandboxId);
    if (sandbox?.state !== 'ready') throw new Error(`sandbox ${sandboxId} is not ready`);
    for (const { name, attempt, sandboxId: other } of this.#containers.values()) {
      if (other === sandboxId && name === config.name && attempt === config.attempt)
        throw new Error(`container ${name}/${attempt} exists`);
    }
    const id = `container${this.#next++}`;
    const { name, attempt, imageId, logPath } = config;
    const rest = {
      startedAt: undefined,
      finishedAt: undefined,
      exitCode: undefined,
      reason: undefined,
      message: undefined,
      pid: undefined,
    };
    this.#containers.set(id, {
      id,
      sandboxId,
      name,
      attempt,
      state: 'created',
      createdAt: now(),
      imageId,
      image: 'busybox',
      logPath,
      ...rest,
    });
    this.configs.set(id, config);
    return id;
  }

  async startContainer(id: string): Promise<void> {
    this.#mayFail('startContainer');
    const container = this.#get(id);
    if (container.state !== 'created') throw new Error(`container ${id} is ${container.state}`);
    Object.assign(container, { state: 'running', startedAt: now(), pid: 4242 });
    this.calls.push(`start ${this.#nameOf(container)}`);
  }

  async stopContainer(id: string, timeoutSeconds: number): Promise<void> {
    const container = this.#containers.get(id);
    if (container?.state !== 'running') return;
    this.calls.push(`kill ${this.#nameOf(container)} ${timeoutSeconds}s`);
    const slow = this.slowToStop.get(container.name) ?? 0;
    // A stop that was overtaken by a shorter one keeps no test waiting.
    await new Promise((resolve) => setTimeout(resolve, Math.min(slow, timeoutSeconds * 1000)).unref());
    this.#end(container, slow > timeoutSeconds * 1000 ? 137 : 143);
  }

  async removeContainer(id: string): Promise<void> {
    const container = this.#containers.get(id);
    if (container?.state === 'running') throw new Error(`container ${id} is running`);
    this.#containers.delete(id);
  }

  async listContainers(): Promise<readonly ContainerStatus[]> {
    return [...this.#containers.values()].map((container) => ({ ...container }));
  }

  async containerStatus(id: string): Promise<ContainerStatus | undefined> {
    const container = this.#containers.get(id);
    return container === undefined ? undefined : { ...container };
  }

  async exec(id: string, options: ExecOptions): Promise<ExecSession> {
    if (this.#get(id).state !== 'running') throw new Error(`container ${id} is not running`);
    if (this.execSession === undefined) throw new Error('no such file or directory');
    return this.execSession(id, options);
  }

  async containerStats(id: string): Promise<{ readonly writableLayerBytes: number }> {
    return { writableLayerBytes: this.written.get(id) ?? 0 };
  }

  async reopenContainerLog(id: string): Promise<void> {
    this.#mayFail('reopenContainerLog');
    await writeFile(this.#get(id).logPath, '');
  }

  async attach(id: string, { stdin }: AttachOptions): Promise<ExecSession> {
    return this.exec(id, { command: [], tty: false, stdin });
  }

  async execSync(
    id: string,
    command: readonly string[],
  ): Promise<{ exitCode: number; stdout: string; stderr: string }> {
    if (this.#get(id).state !== 'running') throw new Error(`container ${id} is not running`);
    await this.execWaits;
    return { exitCode: this.execResults.get(command.join(' ')) ?? 0, stdout: '', stderr: '' };
  }

  exit(podName: string, container: string, exitCode: number): void {
    const running = [...this.#containers.values()].find(
      (each) => this.#nameOf(each).startsWith(`${podName}/${container}/`) && each.state === 'running',
    );
    if (running === undefined) throw new Error(`${podName}/${container} does not run`);
    this.#end(running, exitCode);
  }

  killSandbox(podName: string): void {
    const sandbox = [...this.#sandboxes.values()].find(({ pod, state }) => pod.name === podName && state === 'ready');
    if (sandbox === undefined) throw new Error(`${podName} has no ready sandbox`);
    this.#sandboxEnded(sandbox);
  }

  failNext(verb: string, message: string): void {
    this.#failures.set(verb, message);
  }

  #mayFail(verb: string): void {
    const message = this.#failures.get(verb);
    this.#failures.delete(verb);
    if (message !== undefined) throw new Error(message);
  }

  #get(id: string): Writable<ContainerStatus> {
    const container = this.#containers.get(id);
    if (container === undefined) throw new Error(`no container ${id}`);
    return container;
  }

  #nameOf({ sandboxId, name, attempt }: ContainerStatus): string {
    return `${this.#sandboxes.get(sandboxId)?.pod.name ?? '?'}/${name}/${attempt}`;
  }

  #end(container: Writable<ContainerStatus>, exitCode: number): void {
    if (container.state === 'exited') return;
    const reason = exitCode === 0 ? 'Completed' : 'Error';
    Object.assign(container, { state: 'exited', finishedAt: now(), exitCode, reason, pid: undefined });
    this.#tell('containerExited', container.sandboxId, container.id);
  }

  #sandboxEnded(sandbox: Sandbox): void {
    const wasReady = sandbox.state === 'ready';
    sandbox.state = 'notready';
    for (const container of this.#containers.values()) {
      if (container.sandboxId === sandbox.id && container.state === 'running') this.#end(container, 137);
    }
    if (wasReady) this.#tell('sandboxNotReady', sandbox.id, sandbox.id);
  }

  #tell(type: RuntimeEvent['type'], sandboxId: string, id: string): void {
    const podUid = this.#sandboxes.get(sandboxId)?.pod.uid ?? '';
    for (const handler of this.#handlers) queueMicrotask(() => handler({ type, podUid, id }));
  }
}

/** A runtime that runs nothing. */
export function createFakeRuntime(): FakeRuntime {
  return new Fake();
}

export interface FakeImages extends ImageService {
  readonly here: Set<string>;
  /** What can be pulled. */
  readonly registry: Set<string>;
  /** What was asked for, and as whom. */
  readonly pulls: { readonly reference: string; readonly username: string | undefined }[];
}

/** A store that holds just these references, imported. */
export function createFakeImages(...references: readonly string[]): FakeImages {
  const here = new Set(references);
  const registry = new Set<string>();
  const pulls: FakeImages['pulls'] = [];
  const info = (reference: string): ImageInfo => ({
    id: `sha256:${reference}`,
    tags: [reference],
    digests: [],
    sizeBytes: 1,
    importedTags: registry.has(reference) ? [] : [`docker.io/library/${reference}:latest`],
  });
  return {
    here,
    registry,
    pulls,
    pullImage: async (reference, { credentials } = {}) => {
      pulls.push({ reference, username: credentials?.username });
      if (!registry.has(reference)) throw new Error(`pulling ${reference}: not found`);
      here.add(reference);
      return info(reference);
    },
    imageStatus: async (reference) => (here.has(reference) ? info(reference) : undefined),
    listImages: async () => [...here].map(info),
    importArchive: async () => [],
    removeImage: async (reference) => void here.delete(reference),
  };
}
