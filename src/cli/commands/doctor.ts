import type { CommandModule } from 'yargs';
import { adminClient } from '../client.ts';
import { nameOption, openLab } from '../lab-options.ts';

interface DoctorArguments {
  readonly name: string;
  readonly 'pods-per-node': number;
  readonly probe: boolean;
}

export const doctorCommand: CommandModule<object, DoctorArguments> = {
  command: 'doctor',
  describe: 'whether every pod and node reaches every pod, node, Service and the outside; exit code 1 unless all do',
  builder: (cli) =>
    cli.options({
      ...nameOption,
      'pods-per-node': {
        type: 'number',
        default: 2,
        requiresArg: true,
        describe: 'so many pods of each node take part',
      },
      probe: {
        type: 'boolean',
        default: true,
        describe: 'make a pod for the time of the look on nodes that have none (--no-probe)',
      },
    }),
  handler: async ({ name, 'pods-per-node': podsPerNode, probe }) => {
    const [{ examine }, { withProbes }, { renderFailures, renderMatrix, renderSum }] = await Promise.all([
      import('../doctor/index.ts'),
      import('../doctor/probe-pods.ts'),
      import('../doctor/report.ts'),
    ]);
    const { lab, exec } = openLab(name);
    const client = await adminClient(name);
    try {
      const look = () => examine({ client, exec, lab, podsPerNode });
      const { parties, findings, evidence } = await (probe ? withProbes(client, look) : look());
      const failures = renderFailures(findings, evidence);
      console.log([renderMatrix(parties, findings), '', ...failures, `${renderSum(findings)}.`].join('\n'));
      if (failures.length > 0) process.exitCode = 1;
    } finally {
      client.close();
    }
  },
};
