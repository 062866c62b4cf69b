/**
 * Pods that take more of the node's disk than they may are evicted: a container beyond its limit of ephemeral-storage, all of
 * them beyond the sum, an emptyDir beyond its sizeLimit. Counted every ten seconds, of those pods only that have a limit.
 */
import { dirname } from 'node:path';
import { parseQuantity } from '../../api/quantity.ts';
import type { Logger } from '../../api/logger.ts';
import type { Container, Pod, Quantity } from '../../api/types.gen.ts';
import { diskUsage } from '../../kernel/disk-usage.ts';
import type { RuntimeService } from '../../runtime/contract.ts';
import type { PodDirs } from '../files/pod-dirs.ts';
import type { Rejection } from './admission.ts';

/** Bytes on disk, by name. A container's are its own files and its logs. */
export interface LocalUsage {
  readonly containers: ReadonlyMap<string, number>;
  readonly emptyDirs: ReadonlyMap<string, number>;
}

interface Limit {
  readonly name: string;
  readonly text: Quantity;
  readonly bytes: number;
}

function limitOf(name: string, text: Quantity | undefined): Limit[] {
  return text === undefined ? [] : [{ name, text, bytes: Number(parseQuantity(text).nano / 1_000_000_000n) }];
}

const storageLimit = ({ name, resources }: Container): Limit[] =>
  limitOf(name, resources?.limits?.['ephemeral-storage']);

function containerLimits({ spec }: Pod): readonly Limit[] {
  return (spec?.containers ?? []).flatMap(storageLimit);
}

/** One in memory takes no disk; its limit is the kernel's to keep. */
function emptyDirLimits({ spec }: Pod): readonly Limit[] {
  const onDisk = (spec?.volumes ?? []).filter(({ emptyDir }) => emptyDir !== undefined && emptyDir.medium !== 'Memory');
  return onDisk.flatMap(({ name, emptyDir }) => limitOf(name, emptyDir?.sizeLimit)).filter(({ bytes }) => bytes > 0);
}

/** Whether there is anything to count. */
export function hasStorageLimit(pod: Pod): boolean {
  return containerLimits(pod).length > 0 || emptyDirLimits(pod).length > 0;
}

const sum = (numbers: Iterable<number>): number => [...numbers].reduce((all, one) => all + one, 0);

/** Why the pod must go; undefined while it may stay. Pure; words are upstream's. */
export function overuseOf(pod: Pod, { containers, emptyDirs }: LocalUsage): Rejection | undefined {
  const evicted = (message: string): Rejection => ({ reason: 'Evicted', message });
  const beyond = (of: ReadonlyMap<string, number>, { name, bytes }: Limit): boolean => (of.get(name) ?? 0) > bytes;
  const volume = emptyDirLimits(pod).find((limit) => beyond(emptyDirs, limit));
  if (volume !== undefined)
    return evicted(`Usage of EmptyDir volume "${volume.name}" exceeds the limit "${volume.text}". `);
  const limits = containerLimits(pod);
  const allLimited = limits.length > 0 && limits.length === pod.spec?.containers.length;
  const limit = sum(limits.map(({ bytes }) => bytes));
  if (allLimited && sum(containers.values()) + sum(emptyDirs.values()) > limit) {
    return evicted(`Pod ephemeral local storage usage exceeds the total limit of containers ${limit}. `);
  }
  const container = limits.find((each) => beyond(containers, each));
  if (container === undefined) return undefined;
  return evicted(`Container ${container.name} exceeded its local ephemeral storage limit "${container.text}". `);
}

export interface LocalStorageOptions {
  /** Pods that run here now. */
  readonly pods: () => readonly Pod[];
  readonly evict: (pod: Pod, why: Rejection) => void;
  readonly runtime: Pick<RuntimeService, 'listPodSandboxes' | 'listContainers' | 'containerStats'>;
  readonly dirs: PodDirs;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  readonly intervalMs?: number;
}

const defaultIntervalMs = 10_000;

async function usageOf(pod: Pod, { runtime, dirs }: LocalStorageOptions): Promise<LocalUsage> {
  const { uid = '' } = pod.metadata;
  const containers = new Map<string, number>();
  const sandboxes = (await runtime.listPodSandboxes()).filter(({ pod: { uid: own } }) => own === uid);
  const ours = new Set(sandboxes.map(({ id }) => id));
  for (const { id, sandboxId, name } of await runtime.listContainers()) {
    if (!ours.has(sandboxId)) continue;
    const { writableLayerBytes } = await runtime.containerStats(id);
    containers.set(name, (containers.get(name) ?? 0) + writableLayerBytes);
  }
  for (const name of containers.keys()) {
    const logs = await diskUsage(dirname(dirs.log(pod, name, 0)));
    containers.set(name, (containers.get(name) ?? 0) + logs);
  }
  const emptyDirs = new Map<string, number>();
  for (const { name, emptyDir } of pod.spec?.volumes ?? []) {
    if (emptyDir !== undefined && emptyDir.medium !== 'Memory')
      emptyDirs.set(name, await diskUsage(dirs.volume(uid, name)));
  }
  return { containers, emptyDirs };
}

/** Counts until the signal ends it; a pod that cannot be counted is told in the log and counted again. */
export function watchLocalStorage(options: LocalStorageOptions): void {
  const { pods, evict, logger, signal, intervalMs = defaultIntervalMs } = options;
  const round = async (): Promise<void> => {
    for (const pod of pods().filter(hasStorageLimit)) {
      try {
        const why = overuseOf(pod, await usageOf(pod, options));
        if (why !== undefined && !signal.aborted) evict(pod, why);
      } catch (error) {
        logger.warn('the disk that a pod takes could not be counted', { pod: pod.metadata.name, error });
      }
    }
  };
  let timer: NodeJS.Timeout;
  const next = (): void => {
    timer = setTimeout(() => void round().finally(() => (signal.aborted ? undefined : next())), intervalMs).unref();
  };
  next();
  signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
}
