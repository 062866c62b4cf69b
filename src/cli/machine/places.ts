/** Where a machine of its own (no lab) keeps what it is: configuration apart from state, both for root alone. */
import { join } from 'node:path';

const config = '/etc/podwire';
const state = '/var/lib/podwire';
const agent = join(state, 'agent');

export const machinePaths = {
  config,
  /** Flags of `podwire control-plane` and of `podwire agent`. */
  controlPlaneConfig: join(config, 'control-plane.json'),
  agentConfig: join(config, 'agent.json'),
  adminKubeconfig: join(config, 'admin.kubeconfig'),
  controlPlane: join(state, 'control-plane'),
  agent,
  pki: join(agent, 'pki'),
  clusterCA: join(agent, 'pki', 'ca.crt'),
  agentKubeconfig: join(agent, 'kubeconfig'),
} as const;

/** Units of systemd, where it runs and has them (deploy/, vagrant/). */
export const units = { controlPlane: 'podwire-control-plane.service', agent: 'podwire-agent.service' } as const;

export const clusterDomain = 'cluster.local';
