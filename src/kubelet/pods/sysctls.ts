/** Kernel settings that a pod asks for in its own namespaces: which of them this node sets. Pure. */
import type { Pod } from '../../api/types.gen.ts';
import type { PodSandboxConfig } from '../../runtime/contract.ts';

/** Upstream's safe ones, by the namespace that holds them (pkg/kubelet/sysctl/safe_sysctls.go): they touch nobody outside of the pod. */
const safe: ReadonlyMap<string, 'ipc' | 'net'> = new Map([
  ['kernel.shm_rmid_forced', 'ipc'],
  ['net.ipv4.ip_local_port_range', 'net'],
  ['net.ipv4.tcp_syncookies', 'net'],
  ['net.ipv4.ping_group_range', 'net'],
  ['net.ipv4.ip_unprivileged_port_start', 'net'],
  ['net.ipv4.ip_local_reserved_ports', 'net'],
  ['net.ipv4.tcp_keepalive_time', 'net'],
  ['net.ipv4.tcp_fin_timeout', 'net'],
  ['net.ipv4.tcp_keepalive_intvl', 'net'],
  ['net.ipv4.tcp_keepalive_probes', 'net'],
  ['net.ipv4.tcp_rmem', 'net'],
  ['net.ipv4.tcp_wmem', 'net'],
]);

/** `net/ipv4/conf/eth0.1/x` is `net.ipv4.conf.eth0/1.x`: what stands first of the two is the separator. */
function dotted(name: string): string {
  const [first] = /[./]/.exec(name) ?? [];
  return first === '/' ? name.replaceAll(/[./]/g, (sign) => (sign === '/' ? '.' : '/')) : name;
}

/** Why the pod cannot run here, in upstream's words; undefined when it can. */
export function forbiddenSysctl({ spec }: Pod): string | undefined {
  const isShared = { ipc: spec?.hostIPC === true, net: spec?.hostNetwork === true };
  for (const { name } of spec?.securityContext?.sysctls ?? []) {
    const key = dotted(name);
    const namespace = safe.get(key);
    if (namespace === undefined) return `forbidden sysctl: ${JSON.stringify(key)} not allowlisted`;
    if (isShared[namespace])
      return `forbidden sysctl: ${JSON.stringify(key)} not allowed with host ${namespace} enabled`;
  }
  return undefined;
}

/** Nothing for a pod that asks for none. */
export function sysctlsOf({ spec }: Pod): Pick<PodSandboxConfig, 'sysctls'> {
  const asked = spec?.securityContext?.sysctls ?? [];
  if (asked.length === 0) return {};
  return { sysctls: Object.fromEntries(asked.map(({ name, value }) => [dotted(name), value])) };
}
