/** Whether this node takes a pod that was given to it. Pure. */
import type { Pod } from '../../api/types.gen.ts';
import { forbiddenSysctl } from './sysctls.ts';

export interface Rejection {
  readonly reason: string;
  readonly message: string;
}

interface HostPort {
  readonly ip: string;
  readonly protocol: string;
  readonly port: number;
}

const anyAddress = new Set(['', '0.0.0.0', '::']);

function hostPorts(pod: Pod): HostPort[] {
  const onHost = pod.spec?.hostNetwork === true;
  return [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])]
    .flatMap(({ ports }) => ports ?? [])
    .map(({ hostPort, containerPort, hostIP = '', protocol = 'TCP' }) => ({
      ip: hostIP,
      protocol,
      port: hostPort ?? (onHost ? containerPort : 0),
    }))
    .filter(({ port }) => port !== 0);
}

function collide(a: HostPort, b: HostPort): boolean {
  if (a.port !== b.port || a.protocol !== b.protocol) return false;
  return a.ip === b.ip || anyAddress.has(a.ip) || anyAddress.has(b.ip);
}

/** `others` are the pods that hold resources of the node now. Undefined: it may run. */
export function rejectionOf(pod: Pod, others: readonly Pod[], maxPods: number): Rejection | undefined {
  if (others.length >= maxPods) {
    const counts = `requested: 1, used: ${others.length}, capacity: ${maxPods}`;
    return { reason: 'OutOfpods', message: `Pod was rejected: Node didn't have enough resource: pods, ${counts}` };
  }
  const forbidden = forbiddenSysctl(pod);
  if (forbidden !== undefined) return { reason: 'SysctlForbidden', message: `Pod was rejected: ${forbidden}` };
  const taken = others.flatMap(hostPorts);
  if (hostPorts(pod).some((port) => taken.some((other) => collide(port, other)))) {
    const message =
      "Pod was rejected: Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports";
    return { reason: 'NodePorts', message };
  }
  return undefined;
}
