/** The pods that this node runs because a file says so, whatever the API says. */
import { watch, type FSWatcher } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { keyOf } from '../../api/informer.ts';
import type { Logger } from '../../api/logger.ts';
import type { Pod } from '../../api/types.gen.ts';
import { ManifestError, readManifest, type PodCheck } from './manifest.ts';
import { readManifestFolder, type ManifestFile } from './manifest-folder.ts';

export interface StaticPodChange {
  readonly type: 'added' | 'removed';
  readonly pod: Pod;
}

export interface StaticPods {
  list(): readonly Pod[];
  /** A file that changes removes its pod and adds another one of that name: they differ in their UID. */
  onChange(handler: (change: StaticPodChange) => void): void;
  /** Reads the folder, making it when it is missing, and follows it from then on. Rejects when it cannot be made or read. */
  start(): Promise<void>;
}

export interface StaticPodsOptions {
  readonly folder: string;
  readonly nodeName: string;
  /** Asked for with the first file: it is large. */
  readonly loadCheck: () => Promise<PodCheck>;
  /** A file that was fine, or was not there, has a problem now. */
  readonly onProblem: (problem: string) => void;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** How often the folder is read without a word from the kernel. Default 20 s, as upstream's fileCheckFrequency. */
  readonly readAgainMs?: number;
}

/** As it was read last. A file that turns bad keeps the pod that it stood for, until it is mended or gone. */
interface Known {
  readonly file: ManifestFile;
  readonly pod: Pod | undefined;
  readonly problem: string | undefined;
}

const defaultReadAgainMs = 20_000;
/** Files are written in several steps, and several at once. */
const settleMs = 100;

class FolderOfPods implements StaticPods {
  readonly #options: StaticPodsOptions;
  readonly #handlers = new Set<(change: StaticPodChange) => void>();
  #files = new Map<string, Known>();
  #pods = new Map<string, Pod>();
  #told = new Set<string>();
  #watcher: FSWatcher | undefined;
  #settling: NodeJS.Timeout | undefined;
  #reading: Promise<void> = Promise.resolve();

  constructor(options: StaticPodsOptions) {
    this.#options = options;
  }

  list(): readonly Pod[] {
    return [...this.#pods.values()];
  }

  onChange(handler: (change: StaticPodChange) => void): void {
    this.#handlers.add(handler);
    for (const pod of this.#pods.values()) handler({ type: 'added', pod });
  }

  async start(): Promise<void> {
    const { folder, signal, readAgainMs } = this.#options;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    this.#watch();
    await this.#read();
    const again = setInterval(() => this.#readSoon(0), readAgainMs ?? defaultReadAgainMs);
    const end = (): void => {
      clearInterval(again);
      clearTimeout(this.#settling);
      this.#watcher?.close();
    };
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  }

  /** A folder that is removed takes its watch along: the next reading makes another one. */
  #watch(): void {
    const { folder, logger } = this.#options;
    this.#watcher?.close();
    this.#watcher = undefined;
    try {
      const watcher = watch(folder, () => this.#readSoon(settleMs));
      watcher.on('error', () => watcher.close());
      this.#watcher = watcher;
    } catch (error) {
      logger.warn('the folder of manifests cannot be watched', { folder, error: String(error) });
    }
  }

  #readSoon(ms: number): void {
    clearTimeout(this.#settling);
    this.#settling = setTimeout(() => {
      this.#reading = this.#reading
        .then(async () => {
          if (ms === 0) this.#watch();
          await this.#read();
        })
        .catch((error: unknown) => {
          const { folder, logger } = this.#options;
          logger.error('the folder of manifests cannot be read', { folder, error });
        });
    }, ms);
  }

  async #read(): Promise<void> {
    const { folder, loadCheck, signal } = this.#options;
    const files = await readManifestFolder(folder);
    const check = files.size === 0 ? undefined : await loadCheck();
    if (signal.aborted) return;
    const known = new Map<string, Known>();
    for (const [path, file] of files) {
      // A new file that is empty is one that somebody is about to write.
      const isEmpty = 'text' in file && file.text.trim() === '';
      if (check !== undefined && (!isEmpty || this.#files.has(path)))
        known.set(path, this.#readFile(path, file, check));
    }
    this.#files = known;
    this.#settle();
  }

  #readFile(path: string, file: ManifestFile, check: PodCheck): Known {
    const old = this.#files.get(path);
    if ('problem' in file) return { file, pod: old?.pod, problem: file.problem };
    if (old !== undefined && 'text' in old.file && old.file.text === file.text) return old;
    const { nodeName } = this.#options;
    try {
      const pod = readManifest({ path, text: file.text, nodeName, check, now: new Date() });
      return { file, pod: pod.metadata.uid === old?.pod?.metadata.uid ? old?.pod : pod, problem: undefined };
    } catch (error) {
      // What the parser itself throws (too deep, too many aliases) is the file's fault as well.
      const problem = error instanceof ManifestError ? error.message : `${path}: ${String(error)}`;
      return { file, pod: old?.pod, problem };
    }
  }

  /** Of two files with a pod of one name the first is taken. */
  #settle(): void {
    const byKey = new Map<string, { readonly path: string; readonly pod: Pod }>();
    const problems = new Set<string>();
    for (const [path, { pod, problem }] of this.#files) {
      if (problem !== undefined) problems.add(problem);
      if (pod === undefined) continue;
      const first = byKey.get(keyOf(pod));
      if (first === undefined) byKey.set(keyOf(pod), { path, pod });
      else problems.add(`${path}: metadata.name: ${keyOf(pod)} is the pod of ${first.path} already`);
    }
    this.#tell(problems);
    this.#change(new Map([...byKey.values()].map(({ pod }) => [pod.metadata.uid ?? '', pod])));
  }

  #tell(problems: Set<string>): void {
    const { logger, onProblem } = this.#options;
    for (const problem of problems) {
      if (this.#told.has(problem)) continue;
      logger.error('a manifest is wrong', { problem });
      onProblem(problem);
    }
    this.#told = problems;
  }

  #change(pods: Map<string, Pod>): void {
    const removed = [...this.#pods].filter(([uid]) => !pods.has(uid));
    const added = [...pods].filter(([uid]) => !this.#pods.has(uid));
    this.#pods = pods;
    for (const handler of this.#handlers) {
      for (const [, pod] of removed) handler({ type: 'removed', pod });
      for (const [, pod] of added) handler({ type: 'added', pod });
    }
  }
}

/** Nothing happens before `start`. */
export function createStaticPods(options: StaticPodsOptions): StaticPods {
  return new FolderOfPods(options);
}
