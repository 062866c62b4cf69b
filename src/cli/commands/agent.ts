import type { CommandModule } from 'yargs';
import { defaultVxlanPort, podNetworkModes, type PodNetworkMode } from '../../network/mode.ts';
import type { WantedMode } from '../../proxy/back-end.ts';
import { withConfigFile } from '../config-file.ts';
import { healthzBindAddress, metricsBindAddress, proxyOptions } from './proxy.ts';

export interface AgentArguments {
  readonly kubeconfig: string;
  readonly 'node-name': string;
  readonly 'node-ip': string;
  readonly 'cluster-cidr': string;
  readonly 'non-masquerade-cidr': readonly string[];
  readonly 'pod-network': PodNetworkMode;
  readonly 'vxlan-port': number;
  readonly 'cluster-domain': string;
  readonly 'cluster-dns': readonly string[] | undefined;
  readonly 'node-local-dns': readonly string[];
  readonly port: number;
  readonly 'client-ca-file': string;
  readonly 'tls-cert-file': string | undefined;
  readonly 'tls-private-key-file': string | undefined;
  readonly 'cert-dir': string | undefined;
  readonly 'state-dir': string;
  readonly 'run-dir': string;
  readonly 'image-dir': string;
  readonly 'image-door': string | undefined;
  readonly 'insecure-registry': readonly string[];
  readonly 'log-dir': string;
  readonly 'container-log-max-size': string;
  readonly 'container-log-max-files': number;
  readonly 'cni-conf-dir': string | undefined;
  readonly 'cni-bin-dir': readonly string[];
  readonly 'oci-runtime': 'crun' | 'runc' | undefined;
  readonly 'cgroup-parent': string;
  readonly 'max-pods': number;
  readonly 'node-lease-duration-seconds': number;
  readonly 'node-labels': string;
  readonly 'register-with-taints': string;
  readonly 'endpoint-drain-ms': number;
  readonly 'proxy-mode': WantedMode;
  readonly 'nodeport-addresses': readonly string[] | undefined;
  readonly 'localhost-nodeports': boolean;
  readonly 'iptables-sync-period': string;
  readonly 'proxy-metrics-bind-address': string;
  readonly 'proxy-healthz-bind-address': string;
  readonly 'pod-manifest-path': string | undefined;
}

const networkOptions = {
  'pod-network': {
    choices: podNetworkModes,
    default: 'auto' as const,
    describe: 'how pods of other nodes are reached; auto: by routes on the own segment, by VXLAN beyond it',
  },
  'vxlan-port': { type: 'number', default: defaultVxlanPort, describe: 'its UDP port, the same on all nodes' },
} as const;

/** Links of pods by somebody else. */
const cniOptions = {
  'cni-conf-dir': {
    type: 'string',
    requiresArg: true,
    describe: "pods get their links by somebody else's CNI configuration in this folder, not by our own network",
  },
  'cni-bin-dir': {
    type: 'string',
    array: true,
    default: ['/opt/cni/bin', '/usr/lib/cni'],
    describe: 'where its plugins are',
  },
} as const;

const rangeOptions = {
  'cluster-cidr': {
    type: 'string',
    default: '10.45.0.0/16',
    describe: 'all pods of all nodes; one a family, a comma between',
  },
  ...networkOptions,
  'non-masquerade-cidr': {
    type: 'string',
    array: true,
    default: [] as string[],
    describe: 'who beyond the cluster sees pods as they are: CIDRs of both families that have a way back',
  },
} as const;

const dnsOptions = {
  'cluster-dns': { type: 'string', array: true, describe: "the cluster's DNS; pods get the node's without it" },
  'node-local-dns': {
    type: 'string',
    array: true,
    default: [] as string[],
    describe: 'an address that pods ask before it, where a `podwire dns` of this node listens',
  },
} as const;

export const agentCommand: CommandModule<object, AgentArguments> = {
  command: 'agent',
  describe: 'a node: kubelet, pod network and Service proxy in one process',
  builder: (cli) =>
    withConfigFile(cli).options({
      kubeconfig: { type: 'string', demandOption: true, describe: 'how to reach the API server, as this node' },
      'node-name': { type: 'string', demandOption: true },
      'node-ip': {
        type: 'string',
        demandOption: true,
        describe: 'the address that other nodes reach it by; one a family, a comma between',
      },
      ...rangeOptions,
      'cluster-domain': { type: 'string', default: 'cluster.local' },
      ...dnsOptions,
      port: { type: 'number', default: 10250, describe: "the node's HTTPS API (logs, exec)" },
      'client-ca-file': { type: 'string', demandOption: true, describe: 'who signs those that may use it' },
      'tls-cert-file': { type: 'string', implies: 'tls-private-key-file', describe: 'how it shows who it is' },
      'tls-private-key-file': { type: 'string' },
      'cert-dir': {
        type: 'string',
        requiresArg: true,
        conflicts: 'tls-cert-file',
        describe: 'certificates that it asks the cluster for, and renews in time: that of kubeconfig and its own',
      },
      'state-dir': { type: 'string', default: '/var/lib/podwire/agent', describe: 'what must outlive the agent' },
      'run-dir': { type: 'string', default: '/run/podwire', describe: 'what must not outlive the machine (a tmpfs)' },
      'image-dir': { type: 'string', default: '/var/lib/podwire/images' },
      'image-door': {
        type: 'string',
        describe: 'the socket where somebody else pulls images; it does so itself without',
      },
      'insecure-registry': {
        type: 'string',
        array: true,
        default: [] as string[],
        describe: 'HOST[:PORT] that may speak plain http, or show an unknown certificate',
      },
      'log-dir': { type: 'string', default: '/var/log/pods' },
      'container-log-max-size': { type: 'string', default: '10Mi', describe: 'a log that is so long is put aside' },
      'container-log-max-files': { type: 'number', default: 5, describe: 'of one container, 2 at least' },
      ...cniOptions,
      'oci-runtime': { choices: ['crun', 'runc'] as const, describe: 'what suits this host, when left out' },
      'cgroup-parent': { type: 'string', default: '/kubepods' },
      'max-pods': { type: 'number', default: 110 },
      'node-lease-duration-seconds': {
        type: 'number',
        default: 40,
        describe: 'the node gives a sign of life four times in it',
      },
      'node-labels': { type: 'string', default: '', describe: 'key=value,… of a new Node' },
      'register-with-taints': { type: 'string', default: '', describe: 'key=value:effect,… of a new Node' },
      'pod-manifest-path': { type: 'string', describe: 'a folder of static pods, one a file (YAML or JSON)' },
      'endpoint-drain-ms': {
        type: 'number',
        default: 200,
        describe: "from the moment a pod leaves its Services until it is told to stop, for other nodes' rules",
      },
      ...proxyOptions,
      'proxy-metrics-bind-address': { type: 'string', default: metricsBindAddress, describe: '"" for none' },
      'proxy-healthz-bind-address': { type: 'string', default: healthzBindAddress, describe: '"" for none' },
    }),
  handler: async (argv) => {
    const { runAgent } = await import('../agent.ts');
    await runAgent(argv);
  },
};
