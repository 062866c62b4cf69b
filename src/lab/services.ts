/** What runs in which machine. */
import { apiPort, clusterDomain, kubeletPort, type LabConfig, type Machine } from './config.ts';
import { imageDoorSocket } from './image-door.ts';
import { inside } from './places.ts';

/** How this program is started again, inside a machine. */
export interface Program {
  readonly node: string;
  /** The bundle, or `src/cli/main.ts`. */
  readonly script: string;
}

export interface ServiceSpec {
  readonly name: string;
  readonly argv: readonly string[];
}

/** The services of a machine; a lab for tests puts others in their place. */
export type ServicesOf = (machine: Machine, config: LabConfig) => readonly ServiceSpec[];

export function podwireServices(program: Program): ServicesOf {
  return (machine, config) =>
    machine.role === 'control-plane'
      ? [{ name: 'control-plane', argv: controlPlaneArgv(program, machine, config) }]
      : [{ name: 'agent', argv: agentArgv(program, machine, config) }];
}

function controlPlaneArgv(program: Program, machine: Machine, config: LabConfig): string[] {
  return [
    program.node,
    program.script,
    'control-plane',
    `--state-dir=${inside.controlPlane}`,
    `--advertise-address=${machine.address}`,
    `--secure-port=${apiPort}`,
    `--cluster-cidr=${config.podCIDR}`,
    `--service-cluster-ip-range=${config.serviceCIDR}`,
  ];
}

function agentArgv(program: Program, machine: Machine, config: LabConfig): string[] {
  return [
    program.node,
    program.script,
    'agent',
    `--kubeconfig=${inside.agent}/kubeconfig`,
    `--node-name=${machine.name}`,
    `--node-ip=${machine.address}`,
    `--cluster-cidr=${config.podCIDR}`,
    `--cluster-domain=${clusterDomain}`,
    `--port=${kubeletPort}`,
    `--client-ca-file=${inside.agent}/ca.crt`,
    `--tls-cert-file=${inside.agent}/kubelet.crt`,
    `--tls-private-key-file=${inside.agent}/kubelet.key`,
    `--state-dir=${inside.agent}`,
    `--image-dir=${inside.images}`,
    `--image-door=${imageDoorSocket(config.name)}`,
    `--log-dir=${inside.podLogs}`,
  ];
}
