/** The verbs of containers. */
import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { mountOverlay } from '../../kernel/mount.ts';
import { catchesSignal, isAlive, signalProcess, type ProcessIdentity } from '../../kernel/processes.ts';
import type { ContainerConfig } from '../contract.ts';
import { reasonOf, RuntimeError } from '../errors.ts';
import { createWithConmon } from './conmon.ts';
import { containerSpec } from './container-spec.ts';
import { containerOf, podName, sandboxOf, type RuntimeNode } from './node.ts';
import { startCreated } from './oci-runtime.ts';
import type { OciSpec } from './oci-spec.ts';
import { containerNamespaces } from './pause-spec.ts';
import { ended, failedStart, type ContainerRecord, type SandboxRecord } from './records.ts';
import { clearRunState, killContainer } from './remains.ts';
import { sandboxMounts } from './sandbox-files.ts';
import { signalNumber } from './signals.ts';
import { holdSubPaths } from './sub-paths.ts';
import { readUserFiles, resolveUser } from './user.ts';

const killTimeoutMs = 10_000;
/** Looks come at growing distances, the last one some five seconds after the signal. */
const tellAgainMs = 4_000;

/** Writes down a container and keeps its image; nothing runs yet. The same name and attempt twice is the same container. */
export async function createContainer(node: RuntimeNode, sandboxId: string, config: ContainerConfig): Promise<string> {
  const sandbox = readySandbox(node, sandboxId);
  const known = node.containers
    .all()
    .find(
      (record) =>
        record.sandboxId === sandboxId &&
        record.config.name === config.name &&
        record.config.attempt === config.attempt,
    );
  if (known?.state === 'created') return known.id;
  if (known !== undefined)
    throw new RuntimeError(`${titleOf(sandbox, config)}: attempt ${config.attempt} is there and ${known.state}`);
  const id = randomBytes(32).toString('hex');
  try {
    const image = await node.images.hold(config.imageId, node.nodeId, id);
    const createdAt = new Date().toISOString();
    const stopSignal = image.config.StopSignal;
    node.containers.put({ id, sandboxId, config, state: 'created', createdAt, image: image.name, stopSignal });
    return id;
  } catch (error) {
    await node.images.release(node.nodeId, id);
    throw new RuntimeError(`${titleOf(sandbox, config)}: ${reasonOf(error)}`, { cause: error });
  }
}

/** Mounts its root folder and runs it. When that fails it has exited with 128, and nothing of it is left running. */
export async function startContainer(node: RuntimeNode, id: string): Promise<void> {
  const record = containerOf(node, id);
  const sandbox = readySandbox(node, record.sandboxId);
  if (record.state !== 'created')
    throw new RuntimeError(`${titleOf(sandbox, record.config)} is ${record.state}: it starts only once`);
  node.containers.put({ ...record, state: 'starting' });
  try {
    const process = await create(node, record, sandbox);
    const running: ContainerRecord = { ...record, state: 'running', process, startedAt: new Date().toISOString() };
    node.containers.put(running); // before it runs: its end may be told at once
    await startCreated(node.runtime, node.exec, id);
  } catch (error) {
    node.containers.put(ended(record, failedStart(reasonOf(error), new Date())));
    await clearRunState(node, id, containerCgroup(node, sandbox, id));
    throw new RuntimeError(`${titleOf(sandbox, record.config)}: ${reasonOf(error)}`, { cause: error });
  }
}

/** Its process waits to be started then, with everything mounted. */
async function create(node: RuntimeNode, record: ContainerRecord, sandbox: SandboxRecord): Promise<ProcessIdentity> {
  const { id, config } = record;
  const held = await holdSubPaths(node, id, config.mounts);
  try {
    const spec = await prepare(node, { ...record, config: { ...config, mounts: held.mounts } }, sandbox);
    const { logPath, stdin, stdinOnce } = config;
    return await createWithConmon({ id, spec, logPath, stdin, stdinOnce }, node);
  } finally {
    await held.release();
  }
}

/** The overlay mount, and the container's spec on top of it. */
async function prepare(node: RuntimeNode, record: ContainerRecord, sandbox: SandboxRecord): Promise<OciSpec> {
  const { places } = node;
  const { id, config } = record;
  const image = await node.images.hold(config.imageId, node.nodeId, id);
  const rootfs = places.rootfs(id);
  for (const folder of [rootfs, places.upper(id), places.work(id)]) mkdirSync(folder, { recursive: true, mode: 0o755 });
  const [files] = await Promise.all([
    readUserFiles(image.layers),
    mountOverlay(node.exec, { lower: image.layers, upper: places.upper(id), work: places.work(id), target: rootfs }),
  ]);
  return containerSpec({
    config,
    image: image.config,
    user: resolveUser(
      { ...config, ...(image.config.User === undefined ? {} : { imageUser: image.config.User }) },
      files,
    ),
    hostname: sandbox.config.hostNetwork ? hostname() : sandbox.config.hostname,
    rootfs,
    cgroupsPath: containerCgroup(node, sandbox, id),
    namespaces: containerNamespaces(sandbox.config, sandbox.network?.netns, sandbox.pause?.pid ?? 0),
    sandboxMounts: sandboxMounts(places, sandbox),
    host: node.host,
  });
}

/** The stop signal, then KILL after `timeoutSeconds`. Resolves when it is dead; also when it never ran. */
export async function stopContainer(node: RuntimeNode, id: string, timeoutSeconds: number): Promise<void> {
  const record = containerOf(node, id);
  if (record.state !== 'running') return;
  const { process } = record;
  if (timeoutSeconds > 0 && process !== undefined && tellToStop(process, signalNumber(record.stopSignal))) {
    if (await node.exited(id, timeoutSeconds * 1000)) return;
  }
  const sandbox = sandboxOf(node, record.sandboxId);
  await killContainer(node, containerCgroup(node, sandbox, id), process);
  if (!(await node.exited(id, killTimeoutMs)))
    throw new RuntimeError(`${titleOf(sandbox, record.config)} does not die`);
}

/**
 * False when it is gone. The kernel drops a signal that the first process of a PID namespace has no handler for, and one that began a moment ago
 * may only not have come so far: a pod deleted as soon as it is Ready would then wait for its whole grace. It is told again once it listens.
 */
function tellToStop(process: ProcessIdentity, signal: number): boolean {
  const listens = catchesSignal(process, signal);
  if (!signalProcess(process, signal)) return false;
  if (!listens) void tellAgain(process, signal);
  return true;
}

async function tellAgain(process: ProcessIdentity, signal: number): Promise<void> {
  for (let waitMs = 5; waitMs < tellAgainMs && isAlive(process); waitMs *= 2) {
    await sleep(waitMs, undefined, { ref: false });
    if (!catchesSignal(process, signal)) continue;
    signalProcess(process, signal);
    return;
  }
}

/** Kills it when it runs, and takes away all of it but its log. No error when there is none. */
export async function removeContainer(node: RuntimeNode, id: string): Promise<void> {
  const record = node.containers.get(id);
  if (record === undefined) return;
  if (record.state === 'running') await stopContainer(node, id, 0);
  await clearRunState(node, id, containerCgroup(node, sandboxOf(node, record.sandboxId), id));
  await rm(dirname(node.places.upper(id)), { recursive: true, force: true });
  await node.images.release(node.nodeId, id);
  node.containers.remove(id);
}

/** With the first process of a PID namespace all others in it end; in one that is shared those of a container that has ended would stay. */
export async function endRest(node: RuntimeNode, sandbox: SandboxRecord, id: string): Promise<void> {
  const { sharePID, hostPID } = sandbox.config;
  if (sharePID === true || hostPID === true) await killContainer(node, containerCgroup(node, sandbox, id), undefined);
}

export function containerCgroup(node: Pick<RuntimeNode, 'places'>, sandbox: SandboxRecord, id: string): string {
  return join(node.places.podCgroup(sandbox.config.pod), id);
}

function readySandbox(node: RuntimeNode, id: string): SandboxRecord {
  const sandbox = sandboxOf(node, id);
  if (sandbox.state !== 'ready') throw new RuntimeError(`the pod sandbox of ${podName(sandbox)} is not ready`);
  return sandbox;
}

function titleOf(sandbox: SandboxRecord, config: ContainerConfig): string {
  return `container ${config.name} of ${podName(sandbox)}`;
}
