/** The static pods among the pods that are worked on: they come and go with files, and two of one name never run at once. */
import type { ApiClient } from '../../api/client.ts';
import { keyOf, type Informer } from '../../api/informer.ts';
import { formatTime } from '../../api/time.ts';
import type { Node, Pod } from '../../api/types.gen.ts';
import type { PodSandboxStatus } from '../../runtime/contract.ts';
import { createMirrors, type Mirrors } from '../static/mirrors.ts';
import type { StaticPodChange, StaticPods } from '../static/static-pods.ts';
import { createPodWork, type PodDeps, type PodWork } from './pod-work.ts';
import { isStaticSandbox } from './sandbox-config.ts';

/** Pods from files of the node, and the Nodes, of which its own will own their mirrors. */
export interface StaticSources {
  readonly pods: StaticPods;
  readonly nodes: Informer<Node>;
}

export interface StaticWorksOptions {
  readonly client: ApiClient;
  /** Pods of this node. */
  readonly informer: Informer<Pod>;
  /** Undefined on a node without them; what an earlier agent left is ended all the same. */
  readonly sources: StaticSources | undefined;
  /** Of all pods, by UID. */
  readonly works: Map<string, PodWork>;
  readonly deps: Pick<PodDeps, 'runtime' | 'statuses' | 'nodeName' | 'logger'>;
  /** That pod is looked at soon. */
  readonly wake: (uid: string) => void;
  /** A sandbox whose pod is gone is ended. */
  readonly adoptOrphan: (sandbox: PodSandboxStatus) => void;
  readonly signal: AbortSignal;
}

/** Told to end, whatever the reason. */
function isEnding({ pod, goneFromApi }: PodWork): boolean {
  return goneFromApi || pod.metadata.deletionTimestamp !== undefined;
}

/** As the API marks a pod that is to end. */
function markedToEnd(pod: Pod): Pod {
  const graceSeconds = pod.spec?.terminationGracePeriodSeconds ?? 30;
  const deletionTimestamp = formatTime(new Date(Date.now() + graceSeconds * 1000));
  return { ...pod, metadata: { ...pod.metadata, deletionTimestamp, deletionGracePeriodSeconds: graceSeconds } };
}

export class StaticWorks {
  readonly mirrors: Mirrors | undefined;
  readonly #options: StaticWorksOptions;

  constructor(options: StaticWorksOptions) {
    this.#options = options;
    this.mirrors = options.sources === undefined ? undefined : this.#createMirrors(options.sources);
  }

  /** Those that are worked on, until nothing of them is left. */
  list(): readonly PodWork[] {
    return [...this.#options.works.values()].filter(({ isStatic }) => isStatic);
  }

  /** Follows the files, once what they stood for before is being ended. */
  async start(): Promise<void> {
    const { sources, deps, adoptOrphan } = this.#options;
    if (sources === undefined) return;
    const uids = new Set(sources.pods.list().map(({ metadata }) => metadata.uid));
    // What a file stood for that is another one now must end before that one's pod begins.
    for (const sandbox of await deps.runtime.listPodSandboxes())
      if (isStaticSandbox(sandbox) && !uids.has(sandbox.pod.uid)) adoptOrphan(sandbox);
    sources.pods.onChange((change) => this.#onChange(change));
  }

  /** Another one of its name still ends. */
  mustWait(work: PodWork): boolean {
    return work.isStatic && !isEnding(work) && this.#named(keyOf(work.pod)).some(isEnding);
  }

  /** One has left this node: the next one of its name, or its file that came back, may begin. */
  gone(work: PodWork): void {
    const { sources, wake } = this.#options;
    const key = keyOf(work.pod);
    const again = sources?.pods.list().find(({ metadata }) => metadata.uid === work.uid);
    if (again !== undefined) this.#onChange({ type: 'added', pod: again });
    for (const { uid } of this.#named(key)) wake(uid);
    this.mirrors?.wake(key);
  }

  #named(key: string): readonly PodWork[] {
    return this.list().filter(({ pod }) => keyOf(pod) === key);
  }

  /** A file that is gone or another one is to its pod what a deletion is to a pod of the API. */
  #onChange({ type, pod }: StaticPodChange): void {
    const { works, wake } = this.#options;
    const { uid = '' } = pod.metadata;
    const work = works.get(uid);
    if (type === 'removed' && work !== undefined) work.pod = markedToEnd(pod);
    // One that comes back while it ends begins when it has ended.
    if (type === 'added' && work === undefined) works.set(uid, createPodWork(pod, true));
    wake(uid);
    this.mirrors?.wake(keyOf(pod));
  }

  #createMirrors({ pods, nodes }: StaticSources): Mirrors {
    const { client, informer, deps, signal } = this.#options;
    return createMirrors({
      client,
      informer,
      statuses: deps.statuses,
      pods: (key) => ({
        wanted: pods.list().find((pod) => keyOf(pod) === key),
        ending: this.#named(key).find(isEnding)?.pod,
      }),
      keys: () => pods.list().map(keyOf),
      nodes,
      nodeName: deps.nodeName,
      onMirror: (key) => {
        for (const work of this.#named(key))
          if (work.status !== undefined) this.mirrors?.tell(work.pod, work.status, 'now');
      },
      logger: deps.logger,
      signal,
    });
  }
}
