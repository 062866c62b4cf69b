import type { Argv, CommandModule } from 'yargs';
import { LabError } from '../../lab/index.ts';
import { register } from '../register.ts';
import { imagePullCommand } from './image-pull.ts';
import { openImages } from '../images.ts';
import { table } from '../table.ts';

export const imageCommand: CommandModule = {
  command: 'image',
  describe: 'the image store that all nodes of this machine share',
  builder: (cli: Argv) =>
    register(cli, [imagePullCommand, importCommand, listCommand, removeCommand]).demandCommand(
      1,
      'podwire image pull|import|ls|rm',
    ),
  handler: () => undefined,
};

const importCommand: CommandModule<object, { file: string; tag?: string | undefined }> = {
  command: 'import <file>',
  describe: 'an OCI layout (folder or tar) or a docker archive, gzip or not',
  builder: (cli) =>
    cli
      .positional('file', { type: 'string', demandOption: true })
      .options({ tag: { type: 'string', requiresArg: true, describe: 'name it so, whatever the archive says' } }),
  handler: async ({ file, tag }) => {
    for (const image of await openImages().importArchive(file, tag === undefined ? {} : { tag }))
      console.log(`${image.tags.join(', ')} ${image.id}`);
  },
};

const listCommand: CommandModule = {
  command: 'ls',
  describe: 'what is in it',
  handler: async () => {
    const images = await openImages().listImages();
    const rows = images.map(({ tags, id, sizeBytes }) => [
      tags.join(', ') || '<none>',
      id.replace(/^sha256:/, '').slice(0, 12),
      `${(sizeBytes / 1e6).toFixed(1)} MB`,
    ]);
    console.log(table([['IMAGE', 'ID', 'SIZE'], ...rows]));
  },
};

const removeCommand: CommandModule<object, { reference: string }> = {
  command: 'rm <reference>',
  describe: 'take one out',
  builder: (cli) => cli.positional('reference', { type: 'string', demandOption: true }),
  handler: async ({ reference }) => {
    const images = openImages();
    if ((await images.imageStatus(reference)) === undefined)
      throw new LabError(`there is no image ${reference} here: podwire image ls shows what there is`);
    await images.removeImage(reference);
  },
};
