/**
 * The pods that runtimes have asked links for, on disk: a link that goes takes its alias along, and with it all that the kernel knew of the
 * pod. The folder goes with the boot that takes the namespaces.
 */
import type { Logger } from '../../api/logger.ts';
import type { Exec } from '../../kernel/exec.ts';
import { listNetns } from '../../kernel/netns.ts';
import type { PodIdentity, RememberedPod } from '../contract.ts';
import { openKeptFiles } from '../kept-files.ts';
import { podNames } from '../names.ts';

export interface CniMemory {
  /** Those whose namespace was there when it was opened, and those that came since. */
  all(): readonly RememberedPod[];
  /** Resolves when it is on disk. Rejects when it cannot be written. */
  remember(pod: RememberedPod): Promise<void>;
  forget(pod: Pick<PodIdentity, 'uid' | 'attempt'>): Promise<void>;
}

export interface CniMemoryOptions {
  readonly exec: Exec;
  readonly folder: string;
  readonly logger: Logger;
}

/** Rejects when the folder cannot be made or read. A file that cannot be read is told of and left. */
export async function openCniMemory({ exec, folder, logger }: CniMemoryOptions): Promise<CniMemory> {
  const onBroken = (path: string): void => logger.error('what is remembered of a pod cannot be read', { path });
  const files = await openKeptFiles<RememberedPod>(folder, onBroken);
  const there = new Set(await listNetns(exec));
  for (const [name] of files.all()) if (!there.has(name)) await files.delete(name);
  return {
    all: () => files.all().map(([, pod]) => pod),
    remember: (pod) => files.put(podNames(pod).netns, pod),
    forget: (pod) => files.delete(podNames(pod).netns),
  };
}
