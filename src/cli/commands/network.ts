import { hostname } from 'node:os';
import type { CommandModule } from 'yargs';

export interface NetworkArguments {
  readonly kubeconfig: string | undefined;
  readonly 'hostname-override': string;
  readonly 'node-ip': readonly string[];
  readonly 'cluster-cidr': readonly string[];
  readonly 'cni-bin-dir': string;
  readonly 'cni-conf-dir': string;
  readonly 'cni-socket': string;
}

export const networkCommand: CommandModule<object, NetworkArguments> = {
  command: 'network',
  describe: 'the pod network alone, as a CNI plugin for the containerd or kubelet of any cluster',
  builder: (cli) =>
    cli.options({
      kubeconfig: {
        type: 'string',
        requiresArg: true,
        describe: 'how to reach the API server; in a pod it uses its ServiceAccount without one',
      },
      'hostname-override': {
        type: 'string',
        requiresArg: true,
        default: hostname().toLowerCase(),
        describe: 'the name of the Node this is',
      },
      'node-ip': {
        type: 'string',
        requiresArg: true,
        demandOption: true,
        coerce: (text: string) => text.split(','),
        describe: 'its address, or one a family with a comma between',
      },
      'cluster-cidr': {
        type: 'string',
        requiresArg: true,
        demandOption: true,
        coerce: (text: string) => text.split(','),
        describe: 'all pods of all nodes: one CIDR, or one a family with a comma between',
      },
      'cni-bin-dir': { type: 'string', default: '/opt/cni/bin', describe: 'where runtimes look for plugins' },
      'cni-conf-dir': { type: 'string', default: '/etc/cni/net.d', describe: 'where they look for configurations' },
      'cni-socket': {
        type: 'string',
        default: '/run/podwire-network/cni.sock',
        describe: 'where the plugin finds this process',
      },
    }),
  handler: async (argv) => {
    const { runNetwork } = await import('../network.ts');
    await runNetwork(argv);
  },
};
