/** The verbs of pod sandboxes: the network, and the pause process that holds a pod's namespaces. */
import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { removeCgroup } from '../../kernel/cgroup.ts';
import type { PodSandboxConfig } from '../contract.ts';
import { reasonOf, RuntimeError } from '../errors.ts';
import { createWithConmon } from './conmon.ts';
import { removeContainer } from './containers.ts';
import { containersIn, podName, sandboxOf, type RuntimeNode } from './node.ts';
import { startCreated } from './oci-runtime.ts';
import { pauseSpec } from './pause-spec.ts';
import type { SandboxRecord } from './records.ts';
import { clearRunState, killContainer } from './remains.ts';
import { writeSandboxFiles } from './sandbox-files.ts';

const killTimeoutMs = 10_000;

/** A new ID, as runtimes of the field write them: 64 hex digits. */
export function newId(): string {
  return randomBytes(32).toString('hex');
}

/** Network, then pause process; what stands when a step fails is taken away again. The same pod and attempt twice is the same sandbox. */
export async function runSandbox(node: RuntimeNode, config: PodSandboxConfig): Promise<SandboxRecord> {
  const known = node.sandboxes.all().find(({ config: { pod }, state }) => state === 'ready' && isSame(pod, config.pod));
  if (known !== undefined) return known;
  const record: SandboxRecord = {
    id: newId(),
    config,
    state: 'creating',
    createdAt: new Date().toISOString(),
    network: undefined,
    pause: undefined,
  };
  node.sandboxes.put(record);
  try {
    const network = config.hostNetwork ? undefined : await node.network.setUp(config.pod, config.network);
    const netns = network?.netns;
    writeSandboxFiles(node.places, record);
    const spec = pauseSpec({
      config,
      root: node.places.pauseRoot,
      netns,
      cgroupsPath: cgroupOf(node, record),
      host: node.host,
    });
    const pause = await createWithConmon({ id: record.id, spec }, node);
    await startCreated(node.runtime, node.exec, record.id);
    const ready: SandboxRecord = { ...record, state: 'ready', network, pause };
    node.sandboxes.put(ready);
    return ready;
  } catch (error) {
    await dropSandbox(node, record).catch((left: unknown) =>
      node.logger.error('half a pod sandbox is left', { id: record.id, error: left }),
    );
    throw new RuntimeError(`pod sandbox of ${podName(record)}: ${reasonOf(error)}`, { cause: error });
  }
}

function isSame(a: PodSandboxConfig['pod'], b: PodSandboxConfig['pod']): boolean {
  return a.uid === b.uid && a.attempt === b.attempt;
}

export function cgroupOf(node: Pick<RuntimeNode, 'places'>, { id, config }: SandboxRecord): string {
  return join(node.places.podCgroup(config.pod), id);
}

/** Kills containers and pause process, then takes the network away. Twice is once. */
export async function stopSandbox(node: RuntimeNode, id: string): Promise<void> {
  const record = sandboxOf(node, id);
  node.sandboxes.put({ ...record, state: 'notready' }); // before its pause process ends: that is no news then
  const living = containersIn(node, id).filter(({ state }) => state === 'running' || state === 'starting');
  const group = node.places.podCgroup(record.config.pod);
  await Promise.all(living.map((container) => killContainer(node, join(group, container.id), container.process)));
  const ended = await Promise.all(living.map((container) => node.exited(container.id, killTimeoutMs)));
  if (ended.includes(false)) throw new RuntimeError(`pod sandbox of ${podName(record)}: a container does not die`);
  await killContainer(node, cgroupOf(node, record), record.pause);
  await node.exited(id, killTimeoutMs); // conmon writes its exit file: before the folder is cleared
  await clearRunState(node, id, cgroupOf(node, record));
  if (!record.config.hostNetwork && (record.network !== undefined || record.state === 'creating')) {
    await node.network.tearDown(record.config.pod);
  }
  node.sandboxes.put({ ...record, state: 'notready', network: undefined, pause: undefined });
}

/** Stops it, and takes away its containers and itself. No error when there is none. */
export async function removeSandbox(node: RuntimeNode, id: string): Promise<void> {
  const record = node.sandboxes.get(id);
  if (record === undefined) return;
  await dropSandbox(node, record);
}

async function dropSandbox(node: RuntimeNode, record: SandboxRecord): Promise<void> {
  if (record.pause !== undefined || record.network !== undefined || record.state !== 'notready')
    await stopSandbox(node, record.id);
  for (const container of containersIn(node, record.id)) await removeContainer(node, container.id);
  await rm(node.places.sandboxRun(record.id), { recursive: true, force: true });
  const others = node.sandboxes
    .all()
    .some(({ id, config }) => id !== record.id && config.pod.uid === record.config.pod.uid);
  if (!others) await removeCgroup(node.cgroups, node.places.podCgroup(record.config.pod));
  node.sandboxes.remove(record.id);
}
