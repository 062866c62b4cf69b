/** The command line: a list of commands, one file each. */
import yargs from 'yargs';
import { agentCommand } from './commands/agent.ts';
import { controlPlaneCommand } from './commands/control-plane.ts';
import { dnsCommand } from './commands/dns.ts';
import { doctorCommand } from './commands/doctor.ts';
import { downCommand } from './commands/down.ts';
import { dumpCommand } from './commands/dump.ts';
import { imageCommand } from './commands/image.ts';
import { imageDoorCommand } from './commands/image-door.ts';
import { initCommand } from './commands/init.ts';
import { joinCommand } from './commands/join.ts';
import { kubeconfigCommand } from './commands/kubeconfig.ts';
import { kubectlCommand, runKubectl } from './commands/kubectl.ts';
import { nodeCommand } from './commands/node.ts';
import { leaveCommand } from './commands/leave.ts';
import { networkCommand } from './commands/network.ts';
import { proxyCommand } from './commands/proxy.ts';
import { statusCommand } from './commands/status.ts';
import { stopCommand } from './commands/stop.ts';
import { tokenCommand } from './commands/token.ts';
import { upCommand } from './commands/up.ts';
import { register } from './register.ts';
import { exitCodeOf, explain, typedWrong } from './errors.ts';

const commands = [
  upCommand,
  statusCommand,
  stopCommand,
  downCommand,
  kubectlCommand,
  kubeconfigCommand,
  nodeCommand,
  imageCommand,
  imageDoorCommand,
  doctorCommand,
  dumpCommand,
  initCommand,
  tokenCommand,
  joinCommand,
  leaveCommand,
  agentCommand,
  networkCommand,
  proxyCommand,
  controlPlaneCommand,
  dnsCommand,
];

async function main(args: readonly string[]): Promise<void> {
  process.umask(0o022); // folders of containers must be readable for their users, whatever the caller's shell says
  if (args[0] === 'kubectl' && args[1] !== '--help') return runKubectl(args.slice(1));
  const cli = register(yargs([...args]), commands)
    .scriptName('podwire')
    .usage('$0 COMMAND: a Kubernetes cluster on real Linux networking, on this machine')
    .demandCommand(1, 'Which command? podwire --help lists them.')
    .parserConfiguration({ 'populate--': true, 'camel-case-expansion': true })
    .strict()
    .locale('en')
    .version(false)
    .wrap(Math.min(120, process.stdout.columns ?? 120))
    .fail((message, error) => {
      throw typedWrong(message, error);
    });
  await cli.parseAsync();
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  // Not by the exit code alone: what was started before it failed, such as a runner, would keep the process.
  process.stderr.write(`podwire: ${explain(error)}\n`, () => process.exit(exitCodeOf(error)));
}
