import type { CommandModule } from 'yargs';
import { podNetworkModes, type PodNetworkMode } from '../../network/mode.ts';
import { autoMode, proxyModes, type WantedMode } from '../../proxy/back-end.ts';
import { parseTtl } from '../seconds.ts';

export interface InitArguments {
  readonly 'advertise-address': string | undefined;
  readonly 'bind-address': string | undefined;
  readonly 'secure-port': number | undefined;
  readonly 'cluster-cidr': string | undefined;
  readonly 'service-cluster-ip-range': string | undefined;
  readonly 'load-balancer-cidr': string | undefined;
  readonly 'node-monitor-grace-period': string | undefined;
  readonly 'cluster-signing-duration': string | undefined;
  readonly 'proxy-mode': WantedMode | undefined;
  readonly 'pod-network': PodNetworkMode | undefined;
  readonly 'pod-routes': boolean;
  readonly dns: 'on' | 'off';
  readonly 'token-ttl': number;
  readonly foreground: boolean;
}

const text = (describe: string) => ({ type: 'string', requiresArg: true, describe }) as const;

export const initCommand: CommandModule<object, InitArguments> = {
  command: 'init',
  describe:
    'make this machine a control plane, and print the line by which others join; run again it keeps what is there',
  builder: (cli) =>
    cli.options({
      'advertise-address': text('the address that nodes and pods reach this machine by; its only one when left out'),
      'bind-address': text('where it listens: 0.0.0.0 when left out'),
      'secure-port': { type: 'number', requiresArg: true, describe: 'its port: 6443 when left out' },
      'cluster-cidr': text('all pods: 10.45.0.0/16 when left out. One range, or one a family with a comma between'),
      'service-cluster-ip-range': text('Services: 10.46.0.0/16 when left out'),
      'load-balancer-cidr': text('addresses for Services of type LoadBalancer, on the network of the nodes'),
      'node-monitor-grace-period': text('a node without a sign of life for so long is NotReady: 40s when left out'),
      'cluster-signing-duration': text('how long certificates of nodes are good for: 8760h when left out'),
      'proxy-mode': { choices: [...proxyModes, autoMode] as const, describe: 'of all nodes that join' },
      'pod-network': { choices: podNetworkModes, describe: 'of all nodes that join: auto when left out' },
      'pod-routes': {
        type: 'boolean',
        default: true,
        describe: 'set routes to the pods of all nodes; not where this machine joins as a node too (--no-pod-routes)',
      },
      dns: { choices: ['on', 'off'] as const, default: 'on' as const, describe: 'cluster DNS, as a Deployment' },
      'token-ttl': {
        type: 'string',
        default: '24h',
        requiresArg: true,
        coerce: parseTtl,
        describe: 'how long the line that it prints is good for; 0: for ever',
      },
      foreground: { type: 'boolean', default: false, describe: 'run it here, also where systemd has a unit for it' },
    }),
  handler: async (argv) => {
    const { initControlPlane } = await import('../machine/init.ts');
    await initControlPlane(argv);
  },
};
