/** What runs in which machine. */
import {
  apiPort,
  clusterDomain,
  defaultNodeMonitorGraceSeconds,
  kubeletPort,
  type LabConfig,
  type Machine,
  type NodeSettings,
} from './config.ts';
import { clusterAddresses, dnsAddresses, loadBalancerRanges, podCIDRs, serviceCIDRs } from './families.ts';
import { imageDoorSocket } from './image-door.ts';
import { inside } from './places.ts';
import { proxyModeFlag } from './proxy-mode.ts';

/** How this program is started again, inside a machine. */
export interface Program {
  readonly node: string;
  /** The bundle, or `src/cli/main.ts`. */
  readonly script: string;
}

export interface ServiceSpec {
  readonly name: string;
  readonly argv: readonly string[];
  /** Executable files below the machine's /var/lib, by their path there. */
  readonly files?: Readonly<Record<string, string>>;
}

const echoFolder = 'podwire/echo';

/** The services of a machine; a lab for tests puts others in their place. */
export type ServicesOf = (machine: Machine, config: LabConfig) => readonly ServiceSpec[];

export function podwireServices(program: Program): ServicesOf {
  return (machine, config) => {
    switch (machine.role) {
      case 'control-plane':
        return [{ name: 'control-plane', argv: controlPlaneArgv(program, machine, config) }];
      case 'node':
        return [
          { name: 'agent', argv: agentArgv(program, machine, config) },
          ...(config.dns === 'node-local' ? [{ name: 'dns', argv: dnsArgv(program, config) }] : []),
        ];
      case 'outside':
        return [echoService(config)];
    }
  };
}

/** Tells each caller the address that it came with. */
function echoService({ ipv6 }: LabConfig): ServiceSpec {
  // An IPv6 caller is told in brackets by busybox, an IPv4 one on a socket of both families as [::ffff:…].
  const script = [
    'seen=${REMOTE_ADDR#[}; seen=${seen%]}; seen=${seen#::ffff:}',
    `printf 'Content-Type: text/plain\\r\\n\\r\\n%s\\n' "$seen"`,
  ];
  return {
    name: 'echo',
    argv: [
      'busybox',
      'httpd',
      '-f',
      '-p',
      ipv6 === undefined ? '0.0.0.0:80' : '[::]:80',
      '-h',
      `/var/lib/${echoFolder}`,
    ],
    files: { [`${echoFolder}/cgi-bin/index.cgi`]: ['#!/bin/sh', ...script, ''].join('\n') },
  };
}

function controlPlaneArgv(program: Program, machine: Machine, config: LabConfig): string[] {
  return [
    program.node,
    program.script,
    'control-plane',
    `--state-dir=${inside.controlPlane}`,
    `--advertise-address=${clusterAddresses(config, machine)[0]}`,
    ...(config.ipv6 === undefined ? [] : ['--bind-address=::']),
    `--secure-port=${apiPort}`,
    `--cluster-cidr=${podCIDRs(config).join()}`,
    `--service-cluster-ip-range=${serviceCIDRs(config).join()}`,
    `--node-monitor-grace-period=${config.nodeMonitorGraceSeconds ?? defaultNodeMonitorGraceSeconds}s`,
    `--load-balancer-cidr=${loadBalancerRanges(config)}`,
    '--pod-routes',
  ];
}

/**
 * V8 lets the space of young objects grow to 3 × 16 MiB in a burst and gives it back late: of 50 agents that is 2 GiB. 4 cost some percent of
 * an agent's CPU while many pods start, 2 twice that.
 */
const agentSemiSpaceMiB = 4;

function agentArgv(program: Program, machine: Machine, config: LabConfig): string[] {
  return [
    program.node,
    `--max-semi-space-size=${agentSemiSpaceMiB}`,
    program.script,
    'agent',
    `--kubeconfig=${inside.agent}/kubeconfig`,
    `--node-name=${machine.name}`,
    `--node-ip=${clusterAddresses(config, machine).join()}`,
    `--cluster-cidr=${podCIDRs(config).join()}`,
    `--cluster-domain=${clusterDomain}`,
    ...(config.dns === 'off' ? [] : [`--cluster-dns=${dnsAddresses(config)[0]}`]),
    ...(config.dns === 'node-local' ? [`--node-local-dns=${nodeLocalDns.address}`] : []),
    `--port=${kubeletPort}`,
    `--client-ca-file=${inside.agent}/ca.crt`,
    `--tls-cert-file=${inside.agent}/kubelet.crt`,
    `--tls-private-key-file=${inside.agent}/kubelet.key`,
    `--state-dir=${inside.agent}`,
    `--image-dir=${inside.images}`,
    `--image-door=${imageDoorSocket(config.name)}`,
    `--log-dir=${inside.podLogs}`,
    `--pod-manifest-path=${inside.manifests}`,
    `--pod-network=${config.podNetwork ?? ((config.segments ?? 1) > 1 ? 'auto' : 'routes')}`,
    ...(config.cni === undefined ? [] : [`--cni-conf-dir=${config.cni.replaceAll('{node}', machine.name)}`]),
    proxyModeFlag(config),
    `--node-lease-duration-seconds=${leaseSeconds(config)}`,
    ...settingsArgv(config.nodeSettings?.[machine.name]),
  ];
}

/** The address and the port of metrics that NodeLocal DNSCache has everywhere. */
const nodeLocalDns = { address: '169.254.20.10', healthPort: 9253 } as const;

/** With the node's own rights: NetworkPolicies need the same objects. */
function dnsArgv(program: Program, config: LabConfig): string[] {
  return [
    program.node,
    `--max-semi-space-size=${agentSemiSpaceMiB}`,
    program.script,
    'dns',
    `--kubeconfig=${inside.agent}/kubeconfig`,
    `--cluster-domain=${clusterDomain}`,
    `--bind-address=${nodeLocalDns.address}`,
    `--health-port=${nodeLocalDns.healthPort}`,
    `--reverse-cidr=${[...podCIDRs(config), ...serviceCIDRs(config)].join()}`,
    `--snapshot=${inside.agent}/dns-snapshot`,
  ];
}

/** Never longer than the control plane's patience: a node that lives must be heard of within it. */
function leaseSeconds({ nodeMonitorGraceSeconds: grace = defaultNodeMonitorGraceSeconds }: LabConfig): number {
  return Math.min(grace, defaultNodeMonitorGraceSeconds);
}

function settingsArgv({ labels = {}, taints = [] }: NodeSettings = {}): string[] {
  const pairs = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  const marks = taints.map(({ key, value = '', effect }) => `${key}=${value}:${effect}`);
  return [
    ...(pairs.length === 0 ? [] : [`--node-labels=${pairs.join(',')}`]),
    ...(marks.length === 0 ? [] : [`--register-with-taints=${marks.join(',')}`]),
  ];
}
