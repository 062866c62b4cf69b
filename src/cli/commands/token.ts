import type { Argv, CommandModule } from 'yargs';
import { createApiClient, type HttpApiClient } from '../../api/http-client.ts';
import type { ClientConfig } from '../../api/kubeconfig.ts';
import { labPlaces } from '../../lab/index.ts';
import { readKubeconfigFile } from '../kubeconfig-file.ts';
import { machinePaths } from '../machine/places.ts';
import { register } from '../register.ts';
import { parseTtl } from '../seconds.ts';
import { table } from '../table.ts';

interface Where {
  readonly kubeconfig: string | undefined;
  readonly name: string | undefined;
}

const whereOptions = {
  kubeconfig: {
    type: 'string',
    requiresArg: true,
    describe: `of an administrator: ${machinePaths.adminKubeconfig} when left out`,
  },
  name: { type: 'string', requiresArg: true, conflicts: 'kubeconfig', describe: 'a lab of this machine instead' },
} as const;

async function withClient<T>(
  { kubeconfig, name }: Where,
  work: (client: HttpApiClient, config: ClientConfig) => Promise<T>,
): Promise<T> {
  const path = kubeconfig ?? (name === undefined ? machinePaths.adminKubeconfig : labPlaces(name).kubeconfig);
  const config = readKubeconfigFile(path);
  const client = createApiClient(config);
  try {
    return await work(client, config);
  } finally {
    client.close();
  }
}

interface CreateArguments extends Where {
  readonly ttl: number;
  readonly description: string;
  readonly 'print-join-command': boolean;
}

const createCommand: CommandModule<object, CreateArguments> = {
  command: 'create',
  describe: 'make a token, by which machines join',
  builder: (cli) =>
    cli.options({
      ...whereOptions,
      ttl: {
        type: 'string',
        default: '24h',
        requiresArg: true,
        coerce: parseTtl,
        describe: 'how long it is good for; 0: for ever',
      },
      description: { type: 'string', default: '', requiresArg: true, describe: 'what for, for people' },
      'print-join-command': {
        type: 'boolean',
        default: false,
        describe: 'print the whole line to be typed on a machine',
      },
    }),
  handler: async (argv) => {
    const { createToken, joinCommand } = await import('../machine/tokens.ts');
    await withClient(argv, async (client, config) => {
      const token = await createToken(client, argv.ttl, argv.description);
      console.log(argv['print-join-command'] ? joinCommand(config, token) : token);
    });
  },
};

const listCommand: CommandModule<object, Where> = {
  command: ['list', 'ls'],
  describe: 'the tokens there are, without what is secret of them',
  builder: (cli) => cli.options(whereOptions),
  handler: async (argv) => {
    const { listTokens } = await import('../machine/tokens.ts');
    const tokens = await withClient(argv, (client) => listTokens(client));
    const rows = tokens.map(({ id, expires, description }) => [id, expires || 'never', description || '-']);
    console.log(table([['TOKEN', 'EXPIRES', 'DESCRIPTION'], ...rows]));
  },
};

const deleteCommand: CommandModule<object, Where & { readonly token: string }> = {
  command: 'delete <token>',
  describe: 'take a token away, by its id',
  builder: (cli) => cli.positional('token', { type: 'string', demandOption: true }).options(whereOptions),
  handler: async (argv) => {
    const { deleteToken } = await import('../machine/tokens.ts');
    await withClient(argv, (client) => deleteToken(client, argv.token));
  },
};

export const tokenCommand: CommandModule = {
  command: 'token',
  describe: 'tokens by which machines join: create, list, delete',
  builder: (cli: Argv) =>
    register(cli, [createCommand, listCommand, deleteCommand]).demandCommand(1, 'Which one? create, list or delete.'),
  handler: () => undefined,
};
