import type { CommandModule } from 'yargs';
import { dumpLab } from '../dump.ts';
import { nameOption } from '../lab-options.ts';

export const dumpCommand: CommandModule<object, { name: string; folder: string }> = {
  command: 'dump <folder>',
  describe: 'everything that a bug report needs, as files in a folder (no keys)',
  builder: (cli) => cli.positional('folder', { type: 'string', demandOption: true }).options(nameOption),
  handler: async ({ name, folder }) => {
    const count = await dumpLab(name, folder);
    console.log(`${folder}: ${count} files`);
  },
};
