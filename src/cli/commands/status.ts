import type { CommandModule } from 'yargs';
import { nodes } from '../../api/resources.ts';
import type { Node } from '../../api/types.gen.ts';
import { labNames } from '../../lab/index.ts';
import { adminClient } from '../client.ts';
import { nameOption, openLab } from '../lab-options.ts';
import { table } from '../table.ts';

export const statusCommand: CommandModule<object, { name: string }> = {
  command: 'status',
  describe: 'what runs and what is Ready; exit code 1 unless everything is',
  builder: (cli) => cli.options(nameOption),
  handler: async ({ name }) => {
    const status = await openLab(name).lab.status();
    if (status === undefined) {
      const others = (await labNames()).join(', ');
      console.log(`There is no lab ${name}.${others === '' ? ' podwire up makes one.' : ` There is: ${others}.`}`);
      process.exitCode = 1;
      return;
    }
    const conditions = await nodeConditions(name, status.machines[0]?.state === 'running');
    const hasSegments = (status.config.segments ?? 1) > 1;
    const rows = status.machines.map(({ name: machine, role, address, segment, state, pid }) => [
      machine,
      role,
      address,
      state === 'absent' ? 'stopped' : state,
      role === 'outside' ? '-' : (conditions.get(role === 'node' ? machine : '') ?? 'unknown'),
      pid === undefined ? '-' : String(pid),
      ...(hasSegments ? [String(segment)] : []),
    ]);
    const heads = ['MACHINE', 'ROLE', 'ADDRESS', 'STATE', 'CLUSTER', 'PID', ...(hasSegments ? ['SEGMENT'] : [])];
    console.log(table([heads, ...rows]));
    const isFine = rows.every(
      ([, , , state, condition]) => state === 'running' && /^(Ready|answers|-)/.test(condition ?? ''),
    );
    if (!isFine) process.exitCode = 1;
  },
};

/** What the API says of each node; under '' what it says of itself. */
async function nodeConditions(name: string, isRunning: boolean): Promise<ReadonlyMap<string, string>> {
  if (!isRunning) return new Map();
  const client = await adminClient(name);
  try {
    const list = await client.list(nodes);
    return new Map([
      ['', 'answers'],
      ...list.items.map((node): [string, string] => [node.metadata.name ?? '', ready(node)]),
    ]);
  } catch (error) {
    return new Map([['', error instanceof Error ? `no answer: ${error.message}` : 'no answer']]);
  } finally {
    client.close();
  }
}

function ready(node: Node): string {
  const condition = node.status?.conditions?.find(({ type }) => type === 'Ready');
  if (condition?.status === 'True') return 'Ready';
  return `NotReady${condition?.reason === undefined ? '' : ` (${condition.reason})`}`;
}
