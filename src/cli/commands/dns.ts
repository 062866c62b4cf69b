import type { CommandModule } from 'yargs';

export interface DnsArguments {
  readonly kubeconfig: string | undefined;
  readonly 'cluster-domain': string;
  readonly 'bind-address': string;
  readonly port: number;
  readonly 'health-port': number;
  readonly upstream: readonly string[] | undefined;
  readonly 'stub-domain': readonly string[];
  readonly 'resolv-conf': string;
  readonly ttl: number;
  readonly autopath: boolean;
  readonly 'reverse-cidr': readonly string[];
  readonly snapshot: string | undefined;
}

export const dnsCommand: CommandModule<object, DnsArguments> = {
  command: 'dns',
  describe: 'the DNS of a cluster: names of Services and pods, and all others by asking others',
  builder: (cli) =>
    cli.options({
      kubeconfig: {
        type: 'string',
        requiresArg: true,
        describe: 'how to reach the API server; in a pod it uses its ServiceAccount without one',
      },
      'cluster-domain': { type: 'string', default: 'cluster.local' },
      'bind-address': { type: 'string', default: '0.0.0.0' },
      port: { type: 'number', default: 53, describe: 'UDP and TCP' },
      'health-port': { type: 'number', default: 8080, describe: '/health, /ready and /metrics' },
      upstream: {
        type: 'string',
        array: true,
        describe: 'ADDRESS[:PORT] of servers that know other names; those of --resolv-conf without it',
      },
      'stub-domain': {
        type: 'string',
        array: true,
        default: [] as string[],
        describe: 'DOMAIN=ADDRESS,… of servers that know the names below a domain',
      },
      'resolv-conf': { type: 'string', default: '/etc/resolv.conf' },
      ttl: { type: 'number', default: 5, describe: 'seconds that an answer about the cluster may be kept' },
      'reverse-cidr': {
        type: 'string',
        array: true,
        default: [] as string[],
        describe: "addresses of the cluster's pods and Services: nobody else is asked about them",
      },
      snapshot: {
        type: 'string',
        requiresArg: true,
        describe:
          'a file to keep what is known of the cluster in, so that it is answered after a restart without API server',
      },
      autopath: {
        type: 'boolean',
        default: true,
        describe: 'walk the search list of pods here, so that they ask once (it has to know all pods for that)',
      },
    }),
  handler: async (argv) => {
    const { runDns } = await import('../dns.ts');
    await runDns(argv);
  },
};
