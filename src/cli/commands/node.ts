import type { Argv, CommandModule } from 'yargs';
import { nodes } from '../../api/resources.ts';
import { isNotFound } from '../../api/errors.ts';
import { adminClient } from '../client.ts';
import { UsageError } from '../errors.ts';
import { runInForeground } from '../foreground.ts';
import { nameOption, openLab } from '../lab-options.ts';
import { machineLogs } from '../machine-logs.ts';
import { register } from '../register.ts';
import { createStages } from '../stages.ts';
import { waitUntilReady } from '../wait-until-ready.ts';

interface NodeArguments {
  readonly name: string;
  readonly node: string;
}

export const nodeCommand: CommandModule = {
  command: 'node',
  describe: 'look into a machine of the lab, or switch it on and off',
  builder: (cli: Argv) =>
    register(cli, [
      execCommand,
      shellCommand,
      logsCommand,
      startCommand,
      stopCommand,
      addCommand,
      removeCommand,
    ]).demandCommand(1, 'podwire node exec|shell|logs|start|stop|add|rm'),
  handler: () => undefined,
};

const oneNode = <T>(cli: Argv<T>) =>
  cli
    .positional('node', { type: 'string', demandOption: true, describe: 'node1, node2, …, control-plane' })
    .options(nameOption);

const execCommand: CommandModule<object, NodeArguments & { '--'?: string[] }> = {
  command: 'exec <node>',
  describe: 'run a command inside a machine: podwire node exec node1 -- ip route',
  builder: oneNode,
  handler: async (argv) => {
    const [program, ...args] = argv['--'] ?? [];
    if (program === undefined) throw new UsageError(`which command? podwire node exec ${argv.node} -- ip route`);
    process.exitCode = await runInForeground([...(await openLab(argv.name).lab.enter(argv.node)), program, ...args]);
  },
};

const shellCommand: CommandModule<object, NodeArguments> = {
  command: 'shell <node>',
  describe: 'a shell inside a machine',
  builder: oneNode,
  handler: async ({ name, node }) => {
    const enter = await openLab(name).lab.enter(node);
    const env = { PS1: `[${node}] \\w# `, debian_chroot: node };
    process.exitCode = await runInForeground([...enter, 'bash', '--norc', '-i'], env);
  },
};

const logsCommand: CommandModule<object, NodeArguments & { follow: boolean; tail: number }> = {
  command: 'logs <node>',
  describe: 'what the services of a machine wrote',
  builder: (cli) =>
    oneNode(cli).options({
      follow: { alias: 'f', type: 'boolean', default: false, describe: 'go on as it grows' },
      tail: { type: 'number', default: 200, requiresArg: true, describe: 'how many lines of the end' },
    }),
  handler: async ({ name, node, follow, tail }) => {
    process.exitCode = await machineLogs({ name, node, follow, tail });
  },
};

const startCommand: CommandModule<object, NodeArguments> = {
  command: 'start <node>',
  describe: 'switch a machine on again',
  builder: oneNode,
  handler: async ({ name, node }) => {
    const started = await openLab(name).lab.startMachine(node);
    console.log(started ? `${node} is started.` : `${node} was running.`);
  },
};

const stopCommand: CommandModule<object, NodeArguments> = {
  command: 'stop <node>',
  describe: 'switch a machine off: nothing of it is left running, its disk stays',
  builder: oneNode,
  handler: async ({ name, node }) => {
    const stopped = await openLab(name).lab.stopMachine(node);
    console.log(stopped ? `${node} is stopped.` : `${node} was not running.`);
  },
};

const addCommand: CommandModule<object, { name: string }> = {
  command: 'add',
  describe: 'one node more',
  builder: (cli) => cli.options(nameOption),
  handler: async ({ name }) => {
    const stages = createStages((line) => console.log(line));
    const { lab } = openLab(name, { report: (stage, ms) => stages.done(stage, ms) });
    const since = new Date();
    const { config, started } = await lab.addNode();
    if (started.length > 0)
      await waitUntilReady({ lab, config, client: await adminClient(name), stages, started, since });
    console.log(`Lab ${name} has ${config.nodes.at(-1)} now.`);
  },
};

async function forgetNode(lab: string, node: string): Promise<void> {
  const client = await adminClient(lab);
  try {
    await client.delete(nodes, { name: node });
  } catch (error) {
    if (!isNotFound(error)) console.log(`${node}: its Node object stays: ${String(error)}`);
  } finally {
    client.close();
  }
}

const removeCommand: CommandModule<object, NodeArguments> = {
  command: 'rm <node>',
  describe: 'remove a node for good: its machine, its disk, its Node object',
  builder: oneNode,
  handler: async ({ name, node }) => {
    await openLab(name).lab.removeNode(node, () => forgetNode(name, node));
    console.log(`${node} is removed.`);
  },
};
