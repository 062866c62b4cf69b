import { rm } from 'node:fs/promises';
import type { CommandModule } from 'yargs';
import { imageFolder, LabError, labNames } from '../../lab/index.ts';
import { cacheFolder } from '../cache.ts';
import { nameOption, openLab } from '../lab-options.ts';

export const downCommand: CommandModule<object, { name: string; purge: boolean }> = {
  command: 'down',
  describe: 'remove the lab: everything it made in the kernel, and its state',
  builder: (cli) =>
    cli.options({
      ...nameOption,
      purge: { type: 'boolean', default: false, describe: 'the image store and the cache of programs as well' },
    }),
  handler: async ({ name, purge }) => {
    const removed = await openLab(name).lab.down();
    console.log(removed ? `Lab ${name} is removed.` : `There was no lab ${name}.`);
    if (!purge) return console.log(`Kept: ${imageFolder} (images), ${cacheFolder()} (Node, bundle), Debian packages.`);
    const others = await labNames();
    if (others.length > 0)
      throw new LabError(`--purge: lab ${others.join(', ')} still uses the image store and the cache`);
    for (const folder of [imageFolder, cacheFolder()]) await rm(folder, { recursive: true, force: true });
    console.log(`Removed: ${imageFolder}, ${cacheFolder()}. Debian packages stay: apt knows them.`);
  },
};
