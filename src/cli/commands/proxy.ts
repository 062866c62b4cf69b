import { hostname } from 'node:os';
import type { CommandModule } from 'yargs';
import { autoMode, defaultProxyMode, proxyModes, type WantedMode } from '../../proxy/back-end.ts';

export interface ProxyArguments {
  /** Undefined: as a pod of the cluster. */
  readonly kubeconfig: string | undefined;
  readonly 'hostname-override': string;
  readonly 'proxy-mode': WantedMode;
  readonly 'cluster-cidr': string | undefined;
  readonly 'nodeport-addresses': readonly string[] | undefined;
  readonly 'localhost-nodeports': boolean;
  /** As it is written: `30s`. */
  readonly 'iptables-sync-period': string;
  readonly 'metrics-bind-address': string;
  readonly 'healthz-bind-address': string;
  readonly cleanup: boolean;
}

/** Those of kube-proxy. */
export const metricsBindAddress = '127.0.0.1:10249';
export const healthzBindAddress = '0.0.0.0:10256';

/** What the proxy of an agent and the proxy alone have in common. */
export const proxyOptions = {
  'proxy-mode': {
    choices: [...proxyModes, autoMode] as const,
    default: defaultProxyMode as WantedMode,
    describe: 'how Services get into the kernel; auto: nftables where this machine can, else iptables',
  },
  'nodeport-addresses': {
    type: 'string',
    array: true,
    describe: 'CIDRs of node addresses that node ports listen on; every one but loopback without it',
  },
  'localhost-nodeports': {
    type: 'boolean',
    default: false,
    describe: 'node ports on 127.0.0.1 and ::1 too, through a process that relays',
  },
  'iptables-sync-period': {
    type: 'string',
    default: '30s',
    requiresArg: true,
    describe:
      'how often rules are read to see whether others changed them, where the kernel tells nobody (legacy iptables)',
  },
} as const;

export const proxyCommand: CommandModule<object, ProxyArguments> = {
  command: 'proxy',
  describe: 'the Service proxy alone, on a node of any cluster, in the place of kube-proxy',
  builder: (cli) =>
    cli.options({
      kubeconfig: {
        type: 'string',
        requiresArg: true,
        describe: 'how to reach the API server; in a pod its ServiceAccount without it',
      },
      'hostname-override': {
        type: 'string',
        requiresArg: true,
        default: hostname().toLowerCase(),
        describe: 'the name of the Node this is',
      },
      'cluster-cidr': {
        type: 'string',
        requiresArg: true,
        describe: 'all pods: one CIDR, or one a family with a comma between; its families are served',
      },
      ...proxyOptions,
      'metrics-bind-address': { type: 'string', default: metricsBindAddress, describe: '"" for none' },
      'healthz-bind-address': { type: 'string', default: healthzBindAddress, describe: '"" for none' },
      cleanup: {
        type: 'boolean',
        default: false,
        describe: 'take away every rule that it ever made on this node, in any mode, and end',
      },
    }),
  handler: async (argv) => {
    const { runProxy } = await import('../proxy.ts');
    await runProxy(argv);
  },
};
