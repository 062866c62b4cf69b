/** What the runtime is told about a pod's sandbox. Pure. */
import type { Pod } from '../../api/types.gen.ts';
import { podResolvConf, type ClusterDNS } from '../files/resolv-conf.ts';
import type { PodSandboxConfig } from '../../runtime/contract.ts';
import { networkNeeds } from './network-needs.ts';
import { sysctlsOf } from './sysctls.ts';
import { sourceAnnotation } from '../static/manifest.ts';

/** Linux takes no longer host name. */
const maxHostname = 63;

/** The host name that the pod's processes see. */
export function podHostname(pod: Pod, nodeName: string): string {
  const { hostname, hostNetwork } = pod.spec ?? {};
  if (hostNetwork === true) return nodeName;
  const name = hostname === undefined || hostname === '' ? (pod.metadata.name ?? '') : hostname;
  return name.slice(0, maxHostname).replace(/[-.]+$/, '');
}

/** `HOSTNAME.SUBDOMAIN.NAMESPACE.svc.DOMAIN`; undefined for a pod without a subdomain. */
export function podFqdn(pod: Pod, hostname: string, domain: string): string | undefined {
  const subdomain = pod.spec?.subdomain;
  if (subdomain === undefined || subdomain === '') return undefined;
  return `${hostname}.${subdomain}.${pod.metadata.namespace ?? ''}.svc.${domain}`;
}

export interface SandboxConfigInput {
  readonly pod: Pod;
  readonly attempt: number;
  /** From a file of the node. */
  readonly isStatic: boolean;
  readonly nodeName: string;
  readonly dns: ClusterDNS;
  /** Text of the node's own /etc/resolv.conf. */
  readonly nodeResolvConf: string;
}

/** Whether it was made for a pod from a file of the node; a pod of the API cannot say so of itself. */
export function isStaticSandbox({ annotations }: Pick<PodSandboxConfig, 'annotations'>): boolean {
  return annotations[sourceAnnotation] === 'file';
}

/** Labels are the pod's own, and those by which the field knows whose sandbox it is. */
export function sandboxConfig(input: SandboxConfigInput): PodSandboxConfig {
  const { pod, attempt, isStatic, nodeName, dns, nodeResolvConf } = input;
  const { name = '', namespace = '', uid = '', labels = {}, annotations = {} } = pod.metadata;
  const { hostNetwork, hostPID, hostIPC, shareProcessNamespace: sharePID } = pod.spec ?? {};
  return {
    pod: { namespace, name, uid, attempt },
    hostname: podHostname(pod, nodeName),
    hostNetwork: hostNetwork === true,
    ...networkNeeds(pod),
    ...(hostPID === true ? { hostPID } : {}),
    ...(hostIPC === true ? { hostIPC } : {}),
    ...(sharePID === true ? { sharePID } : {}),
    ...sysctlsOf(pod),
    resolvConf: podResolvConf(pod, dns, nodeResolvConf),
    labels: {
      ...labels,
      'io.kubernetes.pod.name': name,
      'io.kubernetes.pod.namespace': namespace,
      'io.kubernetes.pod.uid': uid,
    },
    annotations: { ...annotations, [sourceAnnotation]: isStatic ? 'file' : 'api' },
  };
}
