import type { CommandModule } from 'yargs';
import { readLabFile } from '../../lab/index.ts';
import { servePull } from '../../runtime/images/pull-door.ts';
import { registryOf } from '../../runtime/images/reference.ts';
import { openImages } from '../images.ts';

/** Not for people: the lab's superserver starts one for each pull that a machine asks for, with the socket as input and output. */
export const imageDoorCommand: CommandModule<object, { name: string }> = {
  command: 'image-door',
  describe: false,
  builder: (cli) => cli.options({ name: { type: 'string', demandOption: true } }),
  handler: async ({ name }) => {
    const insecure = (await readLabFile(name))?.config.insecureRegistries ?? [];
    await servePull(openImages(), process.stdin, process.stdout, (reference) =>
      insecure.includes(registryOf(reference)),
    );
    // The caller keeps its side of the socket open until it has heard the end.
    process.stdout.end(() => process.exit(0));
  },
};
