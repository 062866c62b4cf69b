/** What all verbs of one node's runtime share. */
import type { Logger } from '../../api/logger.ts';
import type { CgroupLayout } from '../../kernel/cgroup.ts';
import type { Exec } from '../../kernel/exec.ts';
import type { PodNetwork, RuntimeEvent } from '../contract.ts';
import { NotFoundError } from '../errors.ts';
import type { ContainerImages } from '../images/index.ts';
import type { HostAbilities } from './container-spec.ts';
import type { Journal } from './journal.ts';
import type { OciRuntime } from './oci-runtime.ts';
import type { Places } from './places.ts';
import type { ContainerRecord, SandboxRecord } from './records.ts';

export interface RuntimeNode {
  readonly exec: Exec;
  readonly logger: Logger;
  readonly places: Places;
  readonly network: PodNetwork;
  readonly images: ContainerImages;
  /** This node's name in the leases of the image store. */
  readonly nodeId: string;
  readonly cgroups: CgroupLayout;
  readonly host: HostAbilities;
  readonly runtime: OciRuntime;
  readonly sandboxes: Journal<SandboxRecord>;
  readonly containers: Journal<ContainerRecord>;
  emit(event: RuntimeEvent): void;
  /** Resolves when the container, or the sandbox's pause process, has ended and that is written down; false when not in time. */
  exited(id: string, timeoutMs: number): Promise<boolean>;
}

export function sandboxOf(node: RuntimeNode, id: string): SandboxRecord {
  const record = node.sandboxes.get(id);
  if (record === undefined) throw new NotFoundError(`there is no pod sandbox ${id}`);
  return record;
}

export function containerOf(node: RuntimeNode, id: string): ContainerRecord {
  const record = node.containers.get(id);
  if (record === undefined) throw new NotFoundError(`there is no container ${id}`);
  return record;
}

/** `namespace/pod`, for messages. */
export function podName({ config: { pod } }: SandboxRecord): string {
  return `${pod.namespace}/${pod.name}`;
}

export function containersIn(node: RuntimeNode, sandboxId: string): ContainerRecord[] {
  return node.containers.all().filter((record) => record.sandboxId === sandboxId);
}
