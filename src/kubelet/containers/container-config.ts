/** What the runtime is told about a container. Pure: files, images and references are ready before. */
import { quantityMilliValue, quantityValue } from '../../api/quantity.ts';
import type { Container, Pod } from '../../api/types.gen.ts';
import type { ContainerConfig, Mount } from '../../runtime/contract.ts';
import { configError } from './config-error.ts';
import { expand } from './expand.ts';

export interface ContainerConfigInput {
  readonly pod: Pod;
  readonly container: Container;
  readonly attempt: number;
  readonly imageId: string;
  readonly env: ReadonlyMap<string, string>;
  readonly hostname: string;
  readonly mounts: readonly Mount[];
  readonly logPath: string;
}

const minShares = 2;
const minQuotaMicros = 1_000;

function resourcesOf({ resources }: Container): NonNullable<ContainerConfig['resources']> {
  const { requests, limits } = resources ?? {};
  const shares = requests?.['cpu'] ?? limits?.['cpu'];
  const quota = limits?.['cpu'];
  const memory = limits?.['memory'];
  return {
    cpuShares:
      shares === undefined ? minShares : Math.max(minShares, Math.floor((quantityMilliValue(shares) * 1024) / 1000)),
    ...(quota === undefined ? {} : { cpuQuotaMicros: Math.max(minQuotaMicros, quantityMilliValue(quota) * 100) }),
    ...(memory === undefined ? {} : { memoryBytes: quantityValue(memory) }),
  };
}

type Rights = 'privileged' | 'noNewPrivileges' | 'addCapabilities' | 'dropCapabilities' | 'readOnlyRootfs';

function rightsOf({ securityContext = {} }: Container): Pick<ContainerConfig, Rights> {
  const { privileged, allowPrivilegeEscalation, capabilities, readOnlyRootFilesystem } = securityContext;
  return {
    privileged: privileged === true,
    ...(allowPrivilegeEscalation === false ? { noNewPrivileges: true } : {}),
    addCapabilities: capabilities?.add ?? [],
    dropCapabilities: capabilities?.drop ?? [],
    readOnlyRootfs: readOnlyRootFilesystem === true,
  };
}

function userOf(pod: Pod, container: Container): Pick<ContainerConfig, 'runAsUser' | 'runAsGroup' | 'runAsNonRoot'> {
  // What the container says stands before what the pod says, field by field.
  const { runAsUser, runAsGroup, runAsNonRoot } = { ...pod.spec?.securityContext, ...container.securityContext };
  if (runAsNonRoot === true && runAsUser === 0) {
    throw configError(
      `container's runAsUser breaks non-root policy (pod: "${pod.metadata.name ?? ''}", container: ${container.name})`,
    );
  }
  return {
    ...(runAsUser === undefined ? {} : { runAsUser }),
    ...(runAsGroup === undefined ? {} : { runAsGroup }),
    // Who the image runs as is known only when it starts.
    ...(runAsNonRoot === true ? { runAsNonRoot } : {}),
  };
}

/** The pod's own groups, and the one that its volumes belong to. */
function groupsOf(pod: Pod): Pick<ContainerConfig, 'supplementalGroups'> {
  const { supplementalGroups = [], fsGroup } = pod.spec?.securityContext ?? {};
  const groups = fsGroup === undefined ? supplementalGroups : [...supplementalGroups, fsGroup];
  return groups.length === 0 ? {} : { supplementalGroups: groups };
}

/** Labels by which a container can be told without the kubelet: the field's own names. */
export function containerLabels(pod: Pod, container: string): Record<string, string> {
  const { name = '', namespace = '', uid = '' } = pod.metadata;
  return {
    'io.kubernetes.container.name': container,
    'io.kubernetes.pod.name': name,
    'io.kubernetes.pod.namespace': namespace,
    'io.kubernetes.pod.uid': uid,
  };
}

/** Throws a ContainerError for a spec that contradicts itself. */
export function containerConfig(input: ContainerConfigInput): ContainerConfig {
  const { pod, container, env } = input;
  const lookup = (name: string): string | undefined => env.get(name);
  const variables = [...new Map([['HOSTNAME', input.hostname], ...env])].map(([name, value]) => ({ name, value }));
  const workingDir = container.workingDir;
  return {
    name: container.name,
    attempt: input.attempt,
    imageId: input.imageId,
    command: (container.command ?? []).map((word) => expand(word, lookup)),
    args: (container.args ?? []).map((word) => expand(word, lookup)),
    ...(workingDir === undefined || workingDir === '' ? {} : { workingDir }),
    env: variables,
    mounts: input.mounts,
    tty: container.tty === true,
    stdin: container.stdin === true,
    ...(container.stdin === true && container.stdinOnce === true ? { stdinOnce: true } : {}),
    ...rightsOf(container),
    ...userOf(pod, container),
    ...groupsOf(pod),
    logPath: input.logPath,
    labels: containerLabels(pod, container.name),
    resources: resourcesOf(container),
  };
}
