/** The `builtin` runtime: OCI images, conmon and crun or runc, no daemon. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from '../../api/logger.ts';
import { cgroupLayout } from '../../kernel/cgroup.ts';
import type { Exec } from '../../kernel/exec.ts';
import { isAlive } from '../../kernel/processes.ts';
import type {
  AttachOptions,
  ContainerConfig,
  ContainerStatus,
  ExecOptions,
  ExecSession,
  ImageService,
  PodNetwork,
  PodSandboxConfig,
  PodSandboxStatus,
  RuntimeEvent,
  RuntimeService,
} from '../contract.ts';
import { RuntimeError } from '../errors.ts';
import { createImageService, type ContainerImages } from '../images/index.ts';
import { attach } from './attach.ts';
import { diskUsage } from '../../kernel/disk-usage.ts';
import { rememberedPods, type RememberedPod } from './remembered.ts';
import { reopenContainerLog } from './conmon-control.ts';
import { createContainer, endRest, removeContainer, startContainer, stopContainer } from './containers.ts';
import { execStreaming, execSync } from './exec-in-container.ts';
import { ExitWatch, type ExitFile } from './exit-watch.ts';
import { refuseOtherHandler } from './handler.ts';
import { Journal } from './journal.ts';
import { KeyedMutex } from './mutex.ts';
import { containerOf, type RuntimeNode } from './node.ts';
import { chooseOciRuntime, probeHost, type OciRuntime } from './oci-runtime.ts';
import { placesOf, type Places } from './places.ts';
import {
  containerStatusOf,
  ended,
  endOf,
  lostEnd,
  sandboxStatus,
  type ContainerRecord,
  type SandboxRecord,
} from './records.ts';
import { moveStarterAside, prepareFolders, readNodeId, recover } from './recovery.ts';
import { removeSandbox, runSandbox, stopSandbox } from './sandboxes.ts';

export interface BuiltinRuntimeOptions {
  readonly exec: Exec;
  /** Outlives a reboot; on a file system that can be the upper side of an overlay. */
  readonly stateDir: string;
  /** Does not outlive a reboot: a tmpfs. */
  readonly runDir: string;
  /** The image store; other nodes may use the same one. */
  readonly imageDir: string;
  readonly network: PodNetwork;
  /** Where pods' control groups go, absolute inside the tree: `/podwire`. */
  readonly cgroupParent: string;
  readonly logger: Logger;
  /** Default: crun where it can be used, else runc. */
  readonly ociRuntime?: 'crun' | 'runc';
  /** A static program that waits for ever when given `-P`. Default Debian's `/usr/bin/catatonit`. */
  readonly pauseProgram?: string;
}

const auditIntervalMs = 10_000;
/** While somebody waits for an end. */
const lookIntervalMs = 500;

/** Nothing is touched before `runtime.start()`. */
export function createBuiltinRuntime(options: BuiltinRuntimeOptions): {
  readonly runtime: RuntimeService;
  readonly images: ImageService;
  /**
   * What `start` begins with: the process that starts programs leaves the control group that we run in. Whoever starts a program that is
   * to outlive this process waits for it: a supervisor that ends the group would end that one too. Rejects as `start` does.
   */
  readonly prepare: () => Promise<void>;
  /** Pods that ran when an earlier run ended: for the network, which is started first. Not once the runtime is started. */
  readonly remembered: () => readonly RememberedPod[];
} {
  const { imageDir: dir, exec, logger } = options;
  const images = createImageService({ dir, exec, logger });
  const runtime = new BuiltinRuntime(options, images);
  const remembered = (): readonly RememberedPod[] => rememberedPods(placesOf(options).sandboxRecords);
  return { runtime, images, prepare: () => runtime.prepare(), remembered };
}

/** The program that suits this host's control groups: `crun`, or `runc` where they are hybrid. Throws when it is not installed. */
export function ociRuntimeHere(): OciRuntime['name'] {
  return chooseOciRuntime(cgroupLayout(), '').name;
}

class BuiltinRuntime implements RuntimeService {
  readonly #options: BuiltinRuntimeOptions;
  readonly #images: ContainerImages;
  readonly #places: Places;
  readonly #sandboxes: Journal<SandboxRecord>;
  readonly #containers: Journal<ContainerRecord>;
  readonly #watch: ExitWatch;
  readonly #handlers: ((event: RuntimeEvent) => void)[] = [];
  readonly #waiting = new Map<string, Set<() => void>>();
  readonly #perSandbox = new KeyedMutex();
  readonly #suspects = new Set<string>();
  #audit: NodeJS.Timeout | undefined;
  #node: RuntimeNode | undefined;
  #prepared: Promise<void> | undefined;

  constructor(options: BuiltinRuntimeOptions, images: ContainerImages) {
    this.#options = options;
    this.#images = images;
    this.#places = placesOf(options);
    this.#sandboxes = new Journal(this.#places.sandboxRecords);
    this.#containers = new Journal(this.#places.containerRecords);
    this.#watch = new ExitWatch(this.#places.exits, (exit) => this.#onExit(exit));
  }

  /** See {@link createBuiltinRuntime}. */
  prepare(): Promise<void> {
    this.#prepared ??= this.#prepare();
    return this.#prepared;
  }

  async #prepare(): Promise<void> {
    const { exec, pauseProgram = '/usr/bin/catatonit' } = this.#options;
    const cgroups = cgroupLayout();
    await prepareFolders(this.#places, cgroups, pauseProgram);
    moveStarterAside(exec, cgroups, this.#places.conmonCgroup);
  }

  async start(): Promise<void> {
    const { exec, logger, network, ociRuntime } = this.#options;
    const cgroups = cgroupLayout();
    const runtime = chooseOciRuntime(cgroups, this.#places.oci, ociRuntime);
    await this.prepare();
    const host = await probeHost(cgroups);
    if (!host.deviceRules) logger.warn('device rules are left out: they need CAP_SYS_RESOURCE here');
    this.#sandboxes.load();
    this.#containers.load();
    const nodeId = await readNodeId(this.#places);
    this.#node = {
      ...{ exec, logger, network, cgroups, host, runtime, nodeId },
      ...{ places: this.#places, images: this.#images, sandboxes: this.#sandboxes, containers: this.#containers },
      emit: (event) => this.#emit(event),
      exited: (id, timeoutMs) => this.#exited(id, timeoutMs),
    };
    await recover(this.#node);
    this.#watch.start();
    this.#audit = setInterval(() => this.#lookAround(), auditIntervalMs).unref();
  }

  async stop(): Promise<void> {
    this.#watch.stop();
    clearInterval(this.#audit);
  }

  onEvent(handler: (event: RuntimeEvent) => void): void {
    this.#handlers.push(handler);
  }

  async runPodSandbox(config: PodSandboxConfig): Promise<PodSandboxStatus> {
    const node = this.#started();
    refuseOtherHandler(node.runtime.name, config);
    return this.#perSandbox.run(config.pod.uid, async () => sandboxStatus(await runSandbox(node, config)));
  }

  async stopPodSandbox(id: string): Promise<void> {
    await this.#inPodOf(id, (node) => stopSandbox(node, id));
  }

  async removePodSandbox(id: string): Promise<void> {
    await this.#inPodOf(id, (node) => removeSandbox(node, id));
  }

  async listPodSandboxes(): Promise<readonly PodSandboxStatus[]> {
    return this.#sandboxes.all().map(sandboxStatus);
  }

  async createContainer(sandboxId: string, config: ContainerConfig): Promise<string> {
    return this.#inPodOf(sandboxId, (node) => createContainer(node, sandboxId, config));
  }

  async startContainer(id: string): Promise<void> {
    const { sandboxId } = containerOf(this.#started(), id);
    await this.#inPodOf(sandboxId, (node) => startContainer(node, id));
  }

  async stopContainer(id: string, timeoutSeconds: number): Promise<void> {
    await stopContainer(this.#started(), id, timeoutSeconds);
  }

  async removeContainer(id: string): Promise<void> {
    const record = this.#containers.get(id);
    if (record !== undefined) await this.#inPodOf(record.sandboxId, (node) => removeContainer(node, id));
  }

  async listContainers(): Promise<readonly ContainerStatus[]> {
    return this.#containers.all().map(containerStatusOf);
  }

  async containerStatus(id: string): Promise<ContainerStatus | undefined> {
    const record = this.#containers.get(id);
    return record === undefined ? undefined : containerStatusOf(record);
  }

  async containerStats(id: string): Promise<{ readonly writableLayerBytes: number }> {
    return { writableLayerBytes: await diskUsage(this.#places.upper(id)) };
  }

  async reopenContainerLog(id: string): Promise<void> {
    reopenContainerLog(this.#started(), id);
  }

  async exec(id: string, options: ExecOptions): Promise<ExecSession> {
    return execStreaming(this.#started(), id, options);
  }

  async attach(id: string, options: AttachOptions): Promise<ExecSession> {
    return attach(this.#started(), id, options);
  }

  async execSync(
    id: string,
    command: readonly string[],
    timeoutSeconds: number,
  ): ReturnType<RuntimeService['execSync']> {
    return execSync(this.#started(), id, command, timeoutSeconds);
  }

  #started(): RuntimeNode {
    if (this.#node === undefined) throw new RuntimeError('the runtime was not started');
    return this.#node;
  }

  /** One change at a time in a pod. */
  #inPodOf<T>(sandboxId: string, action: (node: RuntimeNode) => Promise<T>): Promise<T> {
    const node = this.#started();
    const key = this.#sandboxes.get(sandboxId)?.config.pod.uid ?? sandboxId;
    return this.#perSandbox.run(key, () => action(node));
  }

  #onExit({ id, exitCode, at }: ExitFile): void {
    const sandbox = this.#sandboxes.get(id);
    const container = this.#containers.get(id);
    if (sandbox?.state === 'ready') this.#sandboxLost(sandbox);
    if (container?.state === 'running') {
      this.#containerEnded(ended(container, endOf(exitCode, at, existsSync(join(this.#places.bundle(id), 'oom')))));
    }
    this.#waiting.get(id)?.forEach((wake) => wake());
  }

  #sandboxLost(sandbox: SandboxRecord): void {
    this.#sandboxes.put({ ...sandbox, state: 'notready' });
    this.#emit({ type: 'sandboxNotReady', podUid: sandbox.config.pod.uid, id: sandbox.id });
  }

  #containerEnded(record: ContainerRecord): void {
    this.#containers.put(record);
    const sandbox = this.#sandboxes.get(record.sandboxId);
    if (sandbox !== undefined)
      endRest(this.#started(), sandbox, record.id).catch((error: unknown) =>
        this.#options.logger.warn('processes of a container that has ended stay', { id: record.id, error }),
      );
    this.#emit({ type: 'containerExited', podUid: sandbox?.config.pod.uid ?? '', id: record.id });
  }

  #lookAround(): void {
    const running = this.#containers.all().filter(({ state }) => state === 'running');
    const ready = this.#sandboxes.all().filter(({ state }) => state === 'ready');
    for (const { id } of [...running, ...ready]) this.#lookAt(id);
  }

  /** For what leaves no exit file, because its conmon was killed: a process found gone twice in a row has ended. */
  #lookAt(id: string): void {
    const container = this.#containers.get(id);
    const sandbox = this.#sandboxes.get(id);
    const process = container?.process ?? sandbox?.pause;
    this.#watch.look(id);
    if (process !== undefined && isAlive(process)) this.#suspects.delete(id);
    else if (!this.#suspects.has(id)) this.#suspects.add(id);
    else {
      this.#suspects.delete(id);
      if (container?.state === 'running') this.#containerEnded(ended(container, lostEnd(new Date())));
      if (sandbox?.state === 'ready') this.#sandboxLost(sandbox);
      this.#waiting.get(id)?.forEach((wake) => wake());
    }
  }

  #exited(id: string, timeoutMs: number): Promise<boolean> {
    const isOver = (): boolean => this.#isOver(id);
    if (isOver()) return Promise.resolve(true);
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(id) ?? new Set();
      this.#waiting.set(id, waiting);
      const settle = (): void => {
        clearTimeout(timer);
        clearInterval(look);
        waiting.delete(settle);
        if (waiting.size === 0) this.#waiting.delete(id);
        resolve(isOver());
      };
      const timer = setTimeout(settle, timeoutMs);
      const look = setInterval(() => this.#lookAt(id), lookIntervalMs);
      waiting.add(settle);
    });
  }

  #isOver(id: string): boolean {
    const container = this.#containers.get(id);
    if (container !== undefined) return container.state === 'exited';
    return this.#sandboxes.get(id)?.pause === undefined || existsSync(this.#places.exitFile(id));
  }

  #emit(event: RuntimeEvent): void {
    for (const handler of this.#handlers) handler(event);
  }
}
