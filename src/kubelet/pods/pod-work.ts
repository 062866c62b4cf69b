/** What the kubelet remembers of one pod while it works on it, and what the steps have at hand. */
import type { Logger } from '../../api/logger.ts';
import type { Pod, PodStatus } from '../../api/types.gen.ts';
import type { RuntimeService } from '../../runtime/contract.ts';
import type { ContainerStarterOptions } from '../containers/start-container.ts';
import type { ImageManager } from '../containers/images.ts';
import type { PodDirs } from '../files/pod-dirs.ts';
import type { ClusterDNS } from '../files/resolv-conf.ts';
import type { Prober } from '../probes/prober.ts';
import type { StatusManager } from '../status/status-manager.ts';
import type { WaitingReason } from '../status/container-statuses.ts';
import type { Mirrors } from '../static/mirrors.ts';
import type { PodVolumes } from '../volumes/pod-volumes.ts';
import type { BackOffEntry } from './back-off.ts';
import type { ServiceExit } from './leave-services.ts';
import type { PodEvents } from './pod-events.ts';

/** Something that did not work and is tried again. */
export interface Failure extends WaitingReason {
  readonly retryAtMs: number;
  readonly count: number;
}

/** Why a pod ends: told to, gone from the API, or nothing of it runs any more (or may run). */
export type EndReason = 'deleted' | 'gone' | 'finished';

export interface PodEnding {
  reason: EndReason;
  /** When its processes are killed, ms since 1970. */
  deadlineMs: number;
  /** The kubelet's own reason for a Failed pod. */
  readonly verdict: { readonly reason: string; readonly message: string } | undefined;
  /** Out of its Services before anything of it is told to stop: the deadline it began with, until it is over. */
  leaving: { readonly deadlineMs: number } | 'over' | undefined;
  sandboxesStopped: boolean;
  /** Nothing more to do until the pod changes. */
  done: boolean;
}

/** The state of one pod's worker. Only its own worker changes it. */
export interface PodWork {
  readonly uid: string;
  /** As the API had it last; set by the informer. A static pod as its file has it. */
  pod: Pod;
  /** From a file of the node: the API knows its mirror only. */
  readonly isStatic: boolean;
  /** A static pod's own status, which no API need hold. */
  status: PodStatus | undefined;
  goneFromApi: boolean;
  admitted: boolean;
  /** The API had it as Succeeded or Failed when this agent first saw it: its status is left as it is. */
  readonly settledBefore: boolean;
  ending: PodEnding | undefined;
  volumes: ReadonlyMap<string, string> | undefined;
  sandboxFailure: Failure | undefined;
  /** By container; read from disk when the pod is first seen. */
  backOff: Map<string, BackOffEntry> | undefined;
  readonly failures: Map<string, Failure>;
  /** Containers being stopped, and when each is killed. */
  readonly stopping: Map<string, number>;
  /** The back-off of a container that an Event has told of, by its end. */
  readonly waitsTold: Map<string, number>;
  /** Last words of ended containers, by ID. */
  readonly lastWords: Map<string, string>;
}

export interface PodDeps {
  readonly runtime: RuntimeService;
  readonly starter: ContainerStarterOptions;
  readonly images: ImageManager;
  readonly statuses: StatusManager;
  /** Undefined on a node without static pods. */
  readonly mirrors: Mirrors | undefined;
  readonly volumes: PodVolumes;
  readonly prober: Prober;
  readonly serviceExit: ServiceExit;
  readonly events: PodEvents;
  readonly dirs: PodDirs;
  readonly nodeName: string;
  readonly nodeIPs: readonly string[];
  readonly maxPods: number;
  readonly dns: ClusterDNS;
  readonly network: { readonly ready: boolean };
  readonly logger: Logger;
  /** Pods that hold resources of the node, without this one. */
  readonly otherPods: (uid: string) => readonly Pod[];
  /** Removes the pod from the API with grace 0, if it is still this one. */
  readonly deleteFromApi: (pod: Pod) => Promise<void>;
  /** Asks for another run of this pod's worker. */
  readonly wake: (uid: string) => void;
}

/** A fresh record of a pod. */
export function createPodWork(pod: Pod, isStatic = false): PodWork {
  const phase = pod.status?.phase;
  return {
    uid: pod.metadata.uid ?? '',
    pod,
    isStatic,
    status: undefined,
    goneFromApi: false,
    admitted: false,
    settledBefore: phase === 'Succeeded' || phase === 'Failed',
    ending: undefined,
    volumes: undefined,
    sandboxFailure: undefined,
    backOff: undefined,
    failures: new Map(),
    stopping: new Map(),
    waitsTold: new Map(),
    lastWords: new Map(),
  };
}

/** The record of one more failure, tried again after `firstMs`, doubling up to `maxMs`. */
export function nextFailure(
  last: Failure | undefined,
  why: WaitingReason,
  { firstMs, maxMs, nowMs }: { readonly firstMs: number; readonly maxMs: number; readonly nowMs: number },
): Failure {
  const count = (last?.count ?? 0) + 1;
  return { ...why, count, retryAtMs: nowMs + Math.min(maxMs, firstMs * 2 ** Math.min(count - 1, 20)) };
}
