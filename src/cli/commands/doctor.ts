import type { CommandModule } from 'yargs';
import { adminClient } from '../client.ts';
import { UsageError } from '../errors.ts';
import { nameOption, openLab } from '../lab-options.ts';

interface DoctorArguments {
  readonly name: string;
  readonly 'pods-per-node': number;
  readonly probe: boolean;
  readonly host: boolean;
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
        coerce: checkCount,
        describe: 'so many pods of each node take part',
      },
      probe: {
        type: 'boolean',
        default: true,
        describe: 'make a pod for the time of the look on nodes that have none (--no-probe)',
      },
      host: {
        type: 'boolean',
        default: false,
        describe: 'look at this machine instead: whether it could be a node, and what it lacks; changes nothing',
      },
    }),
  handler: async ({ name, 'pods-per-node': podsPerNode, probe, host }) => {
    if (host) {
      await lookAtHost();
      return;
    }
    const [{ examine }, { withProbes }, { renderFailures, renderMatrix, renderSum }] = await Promise.all([
      import('../doctor/index.ts'),
      import('../doctor/probe-pods.ts'),
      import('../doctor/report.ts'),
    ]);
    const { lab, exec } = openLab(name);
    const client = await adminClient(name);
    try {
      const look = () => examine({ client, exec, lab, podsPerNode });
      const { parties, findings, evidence, notes } = await (probe ? withProbes(client, look) : look());
      const failures = renderFailures(findings, evidence);
      const lines = [renderMatrix(parties, findings), '', ...failures, ...notes, `${renderSum(findings)}.`];
      console.log(lines.join('\n'));
      if (failures.length > 0) process.exitCode = 1;
    } finally {
      client.close();
    }
  },
};

function checkCount(count: number): number {
  if (!Number.isInteger(count) || count < 0)
    throw new UsageError(`--pods-per-node: a whole number from 0 on, not ${count}`);
  return count;
}

/** Exit code 1 when something is missing. */
async function lookAtHost(): Promise<void> {
  const [{ examineHost }, { runProcess }] = await Promise.all([
    import('../host-checks.ts'),
    import('../../kernel/run-process.ts'),
  ]);
  const { lines, ready } = await examineHost({ run: runProcess });
  console.log(lines.join('\n'));
  if (!ready) process.exitCode = 1;
}
