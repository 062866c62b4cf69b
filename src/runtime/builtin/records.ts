/** What the runtime remembers, and what it tells of it. Pure. */
import type { ProcessIdentity } from '../../kernel/processes.ts';
import type {
  ContainerConfig,
  ContainerStatus,
  PodNetworkStatus,
  PodSandboxConfig,
  PodSandboxStatus,
} from '../contract.ts';

export interface SandboxRecord {
  readonly id: string;
  readonly config: PodSandboxConfig;
  /** `creating` until everything stands: found at a start, it is taken away. */
  readonly state: 'creating' | 'ready' | 'notready';
  readonly createdAt: string;
  readonly network: PodNetworkStatus | undefined;
  readonly pause: ProcessIdentity | undefined;
}

export interface ContainerRecord {
  readonly id: string;
  readonly sandboxId: string;
  readonly config: ContainerConfig;
  /** `starting` while its process is being made: found at a start, it is killed. */
  readonly state: 'created' | 'starting' | 'running' | 'exited';
  readonly createdAt: string;
  readonly image: string;
  readonly stopSignal: string | undefined;
  readonly process?: ProcessIdentity;
  readonly startedAt?: string;
  readonly finishedAt?: string;
  readonly exitCode?: number;
  readonly reason?: string;
  readonly message?: string;
}

export function sandboxStatus(record: SandboxRecord): PodSandboxStatus {
  const { id, config, createdAt, network } = record;
  return {
    id,
    pod: config.pod,
    state: record.state === 'ready' ? 'ready' : 'notready',
    createdAt,
    ips: network?.ips ?? [],
    netns: network?.netns,
    labels: config.labels,
    annotations: config.annotations,
  };
}

export function containerStatusOf(record: ContainerRecord): ContainerStatus {
  const { id, sandboxId, config, createdAt, image } = record;
  return {
    id,
    sandboxId,
    name: config.name,
    attempt: config.attempt,
    state: record.state === 'starting' ? 'created' : record.state,
    createdAt,
    startedAt: record.startedAt,
    finishedAt: record.finishedAt,
    exitCode: record.exitCode,
    reason: record.reason,
    message: record.message,
    imageId: config.imageId,
    image,
    logPath: config.logPath,
    pid: record.state === 'running' ? record.process?.pid : undefined,
  };
}

/** How a container ended, in CRI's words. */
export interface ContainerEnd {
  readonly exitCode: number;
  readonly finishedAt: string;
  readonly reason: string;
  readonly message?: string;
}

/** The end that an exit code tells; 137 with the kernel's word for it is out of memory. */
export function endOf(exitCode: number, finishedAt: Date, outOfMemory: boolean): ContainerEnd {
  const reason = outOfMemory ? 'OOMKilled' : exitCode === 0 ? 'Completed' : 'Error';
  return { exitCode, finishedAt: finishedAt.toISOString(), reason };
}

/** Nobody saw it end: the machine or conmon went down with it. */
export function lostEnd(finishedAt: Date): ContainerEnd {
  return {
    exitCode: 255,
    finishedAt: finishedAt.toISOString(),
    reason: 'Unknown',
    message: 'it ended while nobody watched',
  };
}

/** It never ran. 128 is what runtimes of the field say then. */
export function failedStart(message: string, finishedAt: Date): ContainerEnd {
  return { exitCode: 128, finishedAt: finishedAt.toISOString(), reason: 'StartError', message };
}

export function ended(record: ContainerRecord, end: ContainerEnd): ContainerRecord {
  return { ...record, ...end, state: 'exited' };
}
