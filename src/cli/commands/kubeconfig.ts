import type { CommandModule } from 'yargs';
import { labPlaces, requireLabFile } from '../../lab/index.ts';
import { nameOption } from '../lab-options.ts';

export const kubeconfigCommand: CommandModule<object, { name: string }> = {
  command: 'kubeconfig',
  describe: "print the path of the admin's kubeconfig (only root can read it)",
  builder: (cli) => cli.options(nameOption),
  handler: async ({ name }) => {
    await requireLabFile(name);
    console.log(labPlaces(name).kubeconfig);
  },
};
