import type { CommandModule } from 'yargs';
import { defaultConfig, nodeNames, type LabConfig } from '../../lab/index.ts';
import { adminClient } from '../client.ts';
import { nameOption, openLab } from '../lab-options.ts';
import { checkHost } from '../host-checks.ts';
import { createStages, seconds, type Stages } from '../stages.ts';
import { importBusybox } from '../images.ts';
import { waitUntilReady } from '../wait-until-ready.ts';

interface UpArguments {
  readonly name: string;
  readonly nodes?: number | undefined;
  readonly 'node-cidr'?: string | undefined;
  readonly 'pod-cidr'?: string | undefined;
  readonly 'service-cidr'?: string | undefined;
  readonly 'insecure-registry'?: readonly string[] | undefined;
  readonly 'dry-run': boolean;
}

const defaultNodes = 3;

export const upCommand: CommandModule<object, UpArguments> = {
  command: 'up',
  describe: 'make the lab, or repair what is missing of it, and wait until its nodes are Ready',
  builder: (cli) =>
    cli.options({
      ...nameOption,
      nodes: { type: 'number', requiresArg: true, describe: `how many nodes (a new lab has ${defaultNodes})` },
      'node-cidr': { type: 'string', requiresArg: true, describe: `the switch (${defaultConfig.nodeCIDR})` },
      'pod-cidr': { type: 'string', requiresArg: true, describe: `pods (${defaultConfig.podCIDR})` },
      'service-cidr': { type: 'string', requiresArg: true, describe: `Services (${defaultConfig.serviceCIDR})` },
      'insecure-registry': {
        type: 'string',
        array: true,
        describe: 'HOST[:PORT] that may speak plain http (those on loopback may anyway)',
      },
      'dry-run': { type: 'boolean', default: false, describe: 'print what would be done, as a script' },
    }),
  handler: async (argv) => {
    const stages = createStages((line) => console.log(line));
    const { lab, exec } = openLab(argv.name, (stage, ms) => stages.done(stage, ms));
    const wanted = wantedConfig(argv);
    const known = (await lab.status())?.config;
    if (argv['dry-run']) {
      process.stdout.write(await lab.dryRun(known === undefined ? withNodes(wanted) : wanted));
      return;
    }
    const since = new Date();
    const images = importBusybox(exec);
    const result = await lab.up(known === undefined ? withNodes(wanted) : wanted, (config) => checkHost(exec, config));
    const { started, config } = result;
    if (await images) stages.mark('busybox image');
    await waitUntilReady({ lab, config, client: await adminClient(argv.name), stages, started, since });
    printNext(config, started, stages);
  },
};

function wantedConfig(argv: UpArguments): Partial<LabConfig> {
  return {
    ...(argv.nodes === undefined ? {} : { nodes: nodeNames(argv.nodes) }),
    ...(argv['node-cidr'] === undefined ? {} : { nodeCIDR: argv['node-cidr'] }),
    ...(argv['pod-cidr'] === undefined ? {} : { podCIDR: argv['pod-cidr'] }),
    ...(argv['service-cidr'] === undefined ? {} : { serviceCIDR: argv['service-cidr'] }),
    ...(argv['insecure-registry'] === undefined ? {} : { insecureRegistries: argv['insecure-registry'] }),
  };
}

function withNodes(wanted: Partial<LabConfig>): Partial<LabConfig> {
  return { nodes: nodeNames(defaultNodes), ...wanted };
}

function printNext(config: LabConfig, started: readonly string[], stages: Stages): void {
  const option = config.name === defaultConfig.name ? '' : ` --name ${config.name}`;
  const { SUDO_USER: sudoer, PODWIRE_COMMAND: command = 'podwire' } = process.env;
  const podwire = sudoer === undefined ? command : `sudo ${command}`;
  const what = started.length === 0 ? 'was up already' : `is up (${seconds(stages.totalMs)})`;
  console.log(`
Lab ${config.name} ${what}: ${config.nodes.length} nodes Ready. Next:

  export KUBECONFIG=$(${podwire} kubeconfig${option})
  kubectl get nodes -o wide
  kubectl create deployment web --image=busybox --replicas=4 -- httpd -f -v -p 8080 -h /etc
  ${podwire} node shell${option} node1
  ${podwire} down${option}
`);
}
