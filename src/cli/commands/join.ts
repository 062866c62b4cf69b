import type { CommandModule } from 'yargs';
import { podNetworkModes, type PodNetworkMode } from '../../network/mode.ts';
import { autoMode, proxyModes, type WantedMode } from '../../proxy/back-end.ts';
import { UsageError } from '../errors.ts';

export interface JoinArguments {
  readonly endpoint: string;
  readonly token: string;
  readonly 'ca-hash': string;
  readonly 'node-name': string | undefined;
  readonly 'node-ip': string | undefined;
  readonly 'cluster-cidr': string | undefined;
  readonly 'cluster-dns': readonly string[] | undefined;
  readonly 'proxy-mode': WantedMode | undefined;
  readonly 'pod-network': PodNetworkMode | undefined;
  readonly 'node-labels': string | undefined;
  readonly 'register-with-taints': string | undefined;
  readonly foreground: boolean;
}

function checkToken(token: string): string {
  if (/^[a-z0-9]{6}\.[a-z0-9]{16}$/.test(token)) return token;
  throw new UsageError('--token: a token is ID.SECRET, 6 and 16 small letters and digits');
}

function checkHash(hash: string): string {
  if (/^sha256:[0-9a-fA-F]{64}$/.test(hash)) return hash.toLowerCase();
  throw new UsageError(`--ca-hash ${hash}: sha256: and 64 hexadecimal digits are wanted`);
}

function checkNodeName(name: string): string {
  if (/^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/.test(name)) return name;
  throw new UsageError(`--node-name ${name}: small letters, digits, - and . are wanted, 253 at most`);
}

export const joinCommand: CommandModule<object, JoinArguments> = {
  command: 'join <endpoint>',
  describe: 'make this machine a node, by the line that podwire token create --print-join-command prints',
  builder: (cli) =>
    cli
      .positional('endpoint', { type: 'string', demandOption: true, describe: 'HOST:PORT of the control plane' })
      .options({
        token: { type: 'string', demandOption: true, requiresArg: true, coerce: checkToken, describe: 'ID.SECRET' },
        'ca-hash': {
          type: 'string',
          demandOption: true,
          requiresArg: true,
          coerce: checkHash,
          describe: "sha256:HEX of the CA's public key: whom to believe (kubeadm: --discovery-token-ca-cert-hash)",
        },
        'node-name': {
          type: 'string',
          requiresArg: true,
          coerce: (name: string | undefined) => (name === undefined ? undefined : checkNodeName(name)),
          describe: "the machine's own name when left out",
        },
        'node-ip': {
          type: 'string',
          requiresArg: true,
          describe: 'by which other nodes reach it: that which reaches the control plane, when left out',
        },
        'cluster-cidr': {
          type: 'string',
          requiresArg: true,
          describe: 'all pods of all nodes, where the control plane does not tell (a stock one)',
        },
        'cluster-dns': { type: 'string', array: true, requiresArg: true, describe: 'the same of the DNS' },
        'proxy-mode': { choices: [...proxyModes, autoMode] as const, describe: 'of this node' },
        'pod-network': { choices: podNetworkModes, describe: 'of this node' },
        'node-labels': { type: 'string', requiresArg: true, describe: 'key=value,…' },
        'register-with-taints': { type: 'string', requiresArg: true, describe: 'key=value:effect,…' },
        foreground: {
          type: 'boolean',
          default: false,
          describe: 'run the agent here, also where systemd has a unit for it',
        },
      }),
  handler: async (argv) => {
    const { joinCluster } = await import('../machine/join.ts');
    await joinCluster(argv);
  },
};
