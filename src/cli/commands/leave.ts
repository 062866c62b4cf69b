import type { CommandModule } from 'yargs';
import { parseTtl } from '../seconds.ts';

export interface LeaveArguments {
  readonly drain: boolean;
  readonly 'drain-timeout': number;
  readonly purge: boolean;
}

export const leaveCommand: CommandModule<object, LeaveArguments> = {
  command: 'leave',
  describe: 'take this machine out of its cluster: its pods, its Node, and all that the agent made here',
  builder: (cli) =>
    cli.options({
      drain: { type: 'boolean', default: true, describe: 'evict its pods first (--no-drain)' },
      'drain-timeout': {
        type: 'string',
        default: '60s',
        requiresArg: true,
        coerce: parseTtl,
        describe: 'how long they may take; then they are ended without ceremony',
      },
      purge: {
        type: 'boolean',
        default: false,
        describe: 'remove the images as well, which labs of this machine share',
      },
    }),
  handler: async (argv) => {
    const { leaveCluster } = await import('../machine/leave.ts');
    await leaveCluster(argv);
  },
};
