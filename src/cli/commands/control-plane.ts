import type { CommandModule } from 'yargs';
import { withConfigFile } from '../config-file.ts';
import { parseDuration, parseSeconds } from '../seconds.ts';

export interface ControlPlaneArguments {
  readonly 'state-dir': string;
  readonly 'advertise-address': string;
  readonly 'bind-address': string;
  readonly 'secure-port': number;
  readonly 'cluster-cidr': string;
  readonly 'node-cidr-mask-size': number | undefined;
  readonly 'node-cidr-mask-size-ipv4': number | undefined;
  readonly 'node-cidr-mask-size-ipv6': number | undefined;
  readonly 'service-cluster-ip-range': string;
  readonly 'service-node-port-range': string;
  readonly 'load-balancer-cidr': string;
  readonly 'pod-routes': boolean;
  readonly 'service-account-issuer': string;
  readonly 'node-monitor-grace-period': number;
  readonly 'cluster-signing-duration': number;
}

export const controlPlaneCommand: CommandModule<object, ControlPlaneArguments> = {
  command: 'control-plane',
  describe: 'store, API server, controllers and scheduler in one process',
  builder: (cli) =>
    withConfigFile(cli).options({
      'state-dir': {
        type: 'string',
        default: '/var/lib/podwire/control-plane',
        describe: 'certificates and keys (made by whoever set it up), and the store',
      },
      'advertise-address': {
        type: 'string',
        demandOption: true,
        describe: 'the address that nodes and pods reach it by',
      },
      'bind-address': { type: 'string', default: '0.0.0.0' },
      'secure-port': { type: 'number', default: 6443 },
      'cluster-cidr': {
        type: 'string',
        default: '10.45.0.0/16',
        describe: 'pods; each node gets a part. One range, or one of each family with a comma between',
      },
      'node-cidr-mask-size': { type: 'number', describe: 'prefix length of that part, of IPv4: 24 when left out' },
      'node-cidr-mask-size-ipv4': { type: 'number', describe: 'the same' },
      'node-cidr-mask-size-ipv6': { type: 'number', describe: 'of IPv6: 64 when left out' },
      'service-cluster-ip-range': {
        type: 'string',
        default: '10.46.0.0/16',
        describe: 'Services; one range, or one of each family',
      },
      'service-node-port-range': { type: 'string', default: '30000-32767' },
      'load-balancer-cidr': {
        type: 'string',
        default: '',
        describe:
          'addresses for Services of type LoadBalancer, on the network of the nodes; without it they wait. One range a family (A,B); of several networks A,B@NODES;C,D@NODES, where NODES are the ranges that the nodes on it have their addresses in',
      },
      'pod-routes': {
        type: 'boolean',
        default: false,
        describe: 'set routes to the pods of all nodes: on a machine that is no node, so that `proxy` reaches pods',
      },
      'service-account-issuer': { type: 'string', default: 'https://kubernetes.default.svc.cluster.local' },
      'node-monitor-grace-period': {
        type: 'string',
        default: '40s',
        coerce: parseSeconds,
        describe: 'a node without a sign of life for so long is NotReady',
      },
      'cluster-signing-duration': {
        type: 'string',
        default: '8760h',
        coerce: parseDuration,
        describe: 'how long the certificates of nodes that join are good for; they renew them in time',
      },
    }),
  handler: async (argv) => {
    const { runControlPlane } = await import('../control-plane.ts');
    await runControlPlane(argv);
  },
};
