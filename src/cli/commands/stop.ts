import type { CommandModule } from 'yargs';
import { nameOption, openLab } from '../lab-options.ts';

export const stopCommand: CommandModule<object, { name: string }> = {
  command: 'stop',
  describe: 'end the lab and keep its state: up brings the same cluster back',
  builder: (cli) => cli.options(nameOption),
  handler: async ({ name }) => {
    const stopped = await openLab(name).lab.stop();
    console.log(
      stopped ? `Lab ${name} is stopped. podwire up brings the same cluster back.` : `Lab ${name} was not running.`,
    );
  },
};
