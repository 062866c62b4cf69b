/** Starts one container of a pod, from its image to its first process. */
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { ApiClient } from '../../api/client.ts';
import type { Logger } from '../../api/logger.ts';
import type { Container, Pod, Quantity, Service } from '../../api/types.gen.ts';
import type { RuntimeService } from '../../runtime/contract.ts';
import type { PodDirs } from '../files/pod-dirs.ts';
import type { PodEvents } from '../pods/pod-events.ts';
import type { ContainerToStart } from '../pods/plan-pod.ts';
import { ContainerError } from './config-error.ts';
import { containerConfig } from './container-config.ts';
import { environment, environmentReferences } from './env.ts';
import type { ImageManager } from './images.ts';
import { containerMounts } from './mounts.ts';
import { fetchReferences } from './references.ts';
import { serviceVariables } from './service-env.ts';

export interface ContainerStarterOptions {
  readonly client: ApiClient;
  readonly runtime: RuntimeService;
  readonly images: ImageManager;
  readonly events: PodEvents;
  readonly dirs: PodDirs;
  readonly services: () => readonly Service[];
  readonly nodeIPs: readonly string[];
  readonly allocatable: () => Readonly<Record<string, Quantity>>;
  readonly logger: Logger;
}

/** The sandbox that the container goes into. */
export interface StartPlace {
  readonly pod: Pod;
  readonly sandboxId: string;
  readonly podIPs: readonly string[];
  readonly hostname: string;
  readonly volumes: ReadonlyMap<string, string>;
}

async function resolveEnvironment(
  { client, services, nodeIPs, allocatable }: ContainerStarterOptions,
  { pod, podIPs }: StartPlace,
  container: Container,
): Promise<Map<string, string>> {
  const namespace = pod.metadata.namespace ?? '';
  try {
    return environment({
      pod,
      container,
      addresses: { podIPs, hostIPs: nodeIPs },
      references: await fetchReferences(client, namespace, environmentReferences(container)),
      serviceVariables: serviceVariables(services(), namespace, pod.spec?.enableServiceLinks !== false),
      allocatable: allocatable(),
    });
  } catch (error) {
    if (error instanceof ContainerError) throw error;
    throw new ContainerError('CreateContainerConfigError', error instanceof Error ? error.message : String(error), {
      cause: error,
    });
  }
}

async function makeFiles(dirs: PodDirs, pod: Pod, name: string, attempt: number): Promise<string> {
  const terminationLog = dirs.terminationLog(pod.metadata.uid ?? '', name, attempt);
  const logPath = dirs.log(pod, name, attempt);
  await Promise.all([
    mkdir(dirname(terminationLog), { recursive: true }),
    mkdir(dirname(logPath), { recursive: true, mode: 0o755 }),
  ]);
  // Any user of the container may write its last words.
  await writeFile(terminationLog, '', { flag: 'a' });
  await chmod(terminationLog, 0o666);
  return logPath;
}

async function step<T>(reason: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw new ContainerError(reason, error instanceof Error ? error.message : String(error), { cause: error });
  }
}

function find(pod: Pod, name: string): Container {
  const all = [
    ...(pod.spec?.containers ?? []),
    ...(pod.spec?.initContainers ?? []),
    ...(pod.spec?.ephemeralContainers ?? []),
  ];
  const container = all.find((each) => each.name === name);
  if (container === undefined) throw new Error(`no container ${name} in the pod`);
  return container;
}

async function start(
  options: ContainerStarterOptions,
  place: StartPlace,
  { name, attempt }: ContainerToStart,
): Promise<string> {
  const { runtime, images, events, dirs, logger } = options;
  const { pod, hostname, volumes } = place;
  const container = find(pod, name);
  const begin = performance.now();
  const [image, env, logPath] = await Promise.all([
    images.ensure(pod, container),
    resolveEnvironment(options, place, container),
    step('CreateContainerError', makeFiles(dirs, pod, name, attempt)),
  ]);
  const mounts = await containerMounts({ pod, container, attempt, dirs, volumes, env });
  const config = containerConfig({ pod, container, attempt, imageId: image.id, env, hostname, mounts, logPath });
  const ready = performance.now();
  const id = await step('CreateContainerError', runtime.createContainer(place.sandboxId, config));
  const created = performance.now();
  events.normal(pod, 'Created', 'Container created');
  await step('RunContainerError', runtime.startContainer(id));
  events.normal(pod, 'Started', 'Container started');
  logger.info('a container runs', {
    pod: `${pod.metadata.namespace}/${pod.metadata.name}`,
    container: name,
    attempt,
    prepareMs: Math.round(ready - begin),
    createMs: Math.round(created - ready),
    startMs: Math.round(performance.now() - created),
  });
  return id;
}

/** Resolves with the container's ID; rejects with a ContainerError, and tells it as an Event. */
export async function startContainer(
  options: ContainerStarterOptions,
  place: StartPlace,
  wanted: ContainerToStart,
): Promise<string> {
  try {
    return await start(options, place, wanted);
  } catch (error) {
    const isImage = error instanceof ContainerError && /Image/.test(error.reason);
    const text =
      error instanceof ContainerError && isImage
        ? error.reason
        : error instanceof Error
          ? error.message
          : String(error);
    options.events.warning(place.pod, 'Failed', `Error: ${text}`);
    throw error;
  }
}
