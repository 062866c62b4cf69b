import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { CommandModule } from 'yargs';
import type { PullProgress, RegistryCredentials } from '../../runtime/contract.ts';
import { credentialsFor } from '../../runtime/images/docker-config.ts';
import { UsageError } from '../errors.ts';
import { openImages } from '../images.ts';
import { shutdownSignal } from '../shutdown.ts';

interface PullArguments {
  readonly reference: string;
  readonly username: string | undefined;
  readonly 'password-stdin': boolean;
  readonly authfile: string | undefined;
  readonly insecure: boolean;
}

export const imagePullCommand: CommandModule<object, PullArguments> = {
  command: 'pull <reference>',
  describe: 'fetch one from its registry',
  builder: (cli) =>
    cli.positional('reference', { type: 'string', demandOption: true }).options({
      username: { type: 'string', requiresArg: true, describe: 'who asks; with --password-stdin' },
      'password-stdin': { type: 'boolean', default: false, describe: 'read the password from standard input' },
      authfile: { type: 'string', requiresArg: true, describe: "docker's config.json (~/.docker/config.json)" },
      insecure: { type: 'boolean', default: false, describe: 'plain http or an unknown certificate will do' },
    }),
  handler: async (argv) => {
    const credentials = await credentialsOf(argv);
    const image = await openImages().pullImage(argv.reference, {
      credentials,
      insecure: argv.insecure,
      signal: shutdownSignal(),
      ...(process.stderr.isTTY ? { onProgress: show } : {}),
    });
    if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
    console.log(`${image.tags.join(', ') || image.digests[0]} ${image.id}`);
  },
};

/** A password never stands on a command line, where any user of the machine can read it. */
async function credentialsOf(argv: PullArguments): Promise<RegistryCredentials | undefined> {
  const { username, authfile } = argv;
  if ((username !== undefined) !== argv['password-stdin'])
    throw new UsageError('--username and --password-stdin belong together');
  if (username !== undefined) return { username, password: (await text(process.stdin)).replace(/\r?\n$/, '') };
  const file = authfile ?? process.env['REGISTRY_AUTH_FILE'] ?? join(homedir(), '.docker', 'config.json');
  const config = await readFile(file, 'utf8').catch((error: unknown) => {
    if (authfile !== undefined) throw error;
    return '{}';
  });
  return credentialsFor([config], argv.reference)[0];
}

function show({ doneBytes, totalBytes }: PullProgress): void {
  const [done, total] = [doneBytes, totalBytes].map((bytes) => (bytes / 1e6).toFixed(1));
  process.stderr.write(`\r\x1b[K${done} of ${total} MB`);
}
