import { readFile } from 'node:fs/promises';
import type { CommandModule } from 'yargs';
import {
  dnsAddresses,
  podCIDRs,
  serviceCIDRs,
  defaultConfig,
  defaultNodeMonitorGraceSeconds,
  given,
  internetChoices,
  kubeProxyModes,
  type Lab,
  LabError,
  nodeNames,
  parseConfigFile,
  type Internet,
  dnsChoices,
  type DnsChoice,
  podNetworks,
  type PodNetwork,
  type KubeProxyMode,
  ipFamilies,
  wantedRanges,
  type IpFamily,
  type LabConfig,
  type WantedLab,
} from '../../lab/index.ts';
import { adminClient } from '../client.ts';
import { canBeImage, installDns, spreadDns, waitForDns } from '../addons/dns.ts';
import { nameOption, openLab, ownProgram } from '../lab-options.ts';
import type { Exec } from '../../kernel/exec.ts';
import { checkHost } from '../host-checks.ts';
import { parseDuration, parseSeconds } from '../seconds.ts';
import { createStages, seconds, type Stages } from '../stages.ts';
import { importBusybox } from '../images.ts';
import { commandPrefix } from '../machine/program.ts';
import { settleNodes, usualWaitSeconds, waitUntilReady } from '../wait-until-ready.ts';

interface UpArguments {
  readonly name?: string | undefined;
  readonly config?: string | undefined;
  readonly nodes?: number | undefined;
  readonly 'node-cidr'?: string | undefined;
  readonly 'pod-cidr'?: string | undefined;
  readonly 'service-cidr'?: string | undefined;
  readonly 'ip-family'?: IpFamily | undefined;
  readonly 'insecure-registry'?: readonly string[] | undefined;
  readonly segments?: number | undefined;
  readonly 'pod-network'?: PodNetwork | undefined;
  readonly internet?: Internet | undefined;
  readonly dns?: DnsChoice | undefined;
  readonly 'proxy-mode'?: KubeProxyMode | undefined;
  readonly 'node-monitor-grace-period'?: number | undefined;
  readonly wait?: number | undefined;
  readonly 'dry-run': boolean;
}

const defaultNodes = 3;
const time = { type: 'string', requiresArg: true } as const;

export const upCommand: CommandModule<object, UpArguments> = {
  command: 'up',
  describe: 'make the lab, or repair what is missing of it, and wait until its nodes are Ready',
  builder: (cli) =>
    cli.options({
      name: { ...nameOption.name, default: undefined, describe: `which lab (${defaultConfig.name})` },
      config: {
        type: 'string',
        requiresArg: true,
        describe: 'a file that says what the lab is (docs/lab.md); flags win',
      },
      nodes: { type: 'number', requiresArg: true, describe: `how many nodes (a new lab has ${defaultNodes})` },
      segments: {
        type: 'number',
        requiresArg: true,
        describe: 'switches that the nodes are dealt to, joined by a router (1)',
      },
      'pod-network': {
        choices: podNetworks,
        describe: 'how pods of other nodes are reached (routes; auto where there are segments)',
      },
      'node-cidr': {
        type: 'string',
        requiresArg: true,
        describe: `the switch (${defaultConfig.nodeCIDR}, or what is free)`,
      },
      'pod-cidr': { type: 'string', requiresArg: true, describe: `pods (${defaultConfig.podCIDR}, or what is free)` },
      'service-cidr': {
        type: 'string',
        requiresArg: true,
        describe: `Services (${defaultConfig.serviceCIDR}, or what is free)`,
      },
      'ip-family': {
        choices: ipFamilies,
        describe: 'what the cluster speaks (ipv4); ranges may be one of each family, a comma between',
      },
      'insecure-registry': {
        type: 'string',
        array: true,
        describe: 'HOST[:PORT] that may speak plain http (those on loopback may anyway)',
      },
      internet: {
        choices: internetChoices,
        describe: 'whether pods and nodes reach the internet through this host (auto: when it has a way there)',
      },
      dns: { choices: dnsChoices, describe: 'whether the cluster has a DNS, and each node one for its own pods (on)' },
      'proxy-mode': {
        choices: kubeProxyModes,
        describe: 'how Services get into the kernel (iptables); running nodes change over without cutting a connection',
      },
      'node-monitor-grace-period': {
        ...time,
        coerce: parseSeconds,
        describe: `a node that is silent for so long is NotReady (${defaultNodeMonitorGraceSeconds}s)`,
      },
      wait: {
        ...time,
        coerce: parseDuration,
        describe: `bound for nodes, and then for DNS, to be Ready (${usualWaitSeconds}s, 2 s more a node)`,
      },
      'dry-run': { type: 'boolean', default: false, describe: 'print what would be done, as a script' },
    }),
  handler: async (argv) => {
    const stages = createStages((line) => console.log(line));
    const wanted = await wantedConfig(argv);
    const { name = defaultConfig.name } = wanted;
    const since = new Date();
    const { lab, exec } = openLab(name, {
      report: (stage, ms) => stages.done(stage, ms),
      settle: async (nodes) => settleNodes(await adminClient(name), nodes, since),
    });
    const known = (await lab.status())?.config;
    if (argv['dry-run']) {
      process.stdout.write(await lab.dryRun(known === undefined ? withNodes(wanted) : wanted));
      return;
    }
    const images = importBusybox(exec);
    const result = await lab.up(known === undefined ? withNodes(wanted) : wanted, (config) => checkHost(exec, config));
    const { started, config } = result;
    if (result.internetRefusal !== undefined) stages.note(`internet: off, ${result.internetRefusal}`);
    if (await images) stages.mark('busybox image');
    const failed = new AbortController();
    const nodesReady = Promise.withResolvers<void>();
    const dns = startDnsAddon({
      exec,
      config,
      waitSeconds: argv.wait,
      nodesReady: nodesReady.promise,
      signal: failed.signal,
    });
    // Told below, once the nodes are there.
    for (const promise of [dns, nodesReady.promise]) promise.catch(() => undefined);
    try {
      const client = await adminClient(name);
      await waitUntilReady({ lab, config, client, stages, started, since, waitSeconds: argv.wait });
      nodesReady.resolve();
    } catch (error) {
      failed.abort();
      nodesReady.reject(error);
      throw error;
    }
    if (await dns) stages.mark('DNS answers');
    printNext(config, started, stages);
    if (started.length > 0) await glanceAtNetwork(lab, exec, name);
  },
};

/** After everything is said, so that nobody waits for it. Tells of what fails, and ends nothing. */
async function glanceAtNetwork(lab: Lab, exec: Exec, name: string): Promise<void> {
  const since = performance.now();
  const [{ glance }, { renderFailures, renderSum }] = await Promise.all([
    import('../doctor/index.ts'),
    import('../doctor/report.ts'),
  ]);
  const client = await adminClient(name);
  try {
    const { findings, evidence } = await glance({ client, exec, lab });
    if (findings.length === 0) return;
    const lines = renderFailures(findings, evidence);
    const took = seconds(performance.now() - since);
    console.log([...lines, `Network: ${renderSum(findings)} (${took}); podwire doctor tries all.`].join('\n'));
  } catch (error) {
    console.log(`Network: not looked at: ${error instanceof Error ? error.message : String(error)}`);
  } finally {
    client.close();
  }
}

interface DnsStart {
  readonly exec: Exec;
  readonly config: LabConfig;
  readonly waitSeconds: number | undefined;
  readonly nodesReady: Promise<void>;
  readonly signal: AbortSignal;
}

/** Makes cluster DNS while the nodes come up, and waits for it. False where the lab has none. */
async function startDnsAddon({ exec, config, waitSeconds, nodesReady, signal }: DnsStart): Promise<boolean> {
  const program = ownProgram();
  if (config.dns === 'off' || config.nodes.length === 0 || !canBeImage(program)) return false;
  const client = await adminClient(config.name);
  try {
    const reverseCIDRs = [...podCIDRs(config), ...serviceCIDRs(config)];
    await installDns({ client, exec, program, clusterIPs: dnsAddresses(config), reverseCIDRs }, signal);
    await waitForDns(client, { podwire: commandPrefix(), waitSeconds, nodesReady }, signal);
    await nodesReady;
    await spreadDns(client, config);
    return true;
  } finally {
    client.close();
  }
}

/** What the file says, and what the flags say on top of it. */
async function wantedConfig(argv: UpArguments): Promise<WantedLab> {
  const flags: WantedLab = {
    ...wantedRanges({ nodeCIDR: argv['node-cidr'], podCIDR: argv['pod-cidr'], serviceCIDR: argv['service-cidr'] }),
    ...given<WantedLab>({
      name: argv.name,
      nodes: argv.nodes === undefined ? undefined : nodeNames(argv.nodes),
      segments: argv.segments,
      podNetwork: argv['pod-network'],
      ipFamily: argv['ip-family'],
      internet: argv.internet,
      dns: argv.dns,
      kubeProxyMode: argv['proxy-mode'],
      nodeMonitorGraceSeconds: argv['node-monitor-grace-period'],
      insecureRegistries: argv['insecure-registry'],
    }),
  };
  const file = argv.config === undefined ? {} : await readConfig(argv.config);
  const ipv6 = { ...file.ipv6, ...flags.ipv6 };
  const wanted = { ...file, ...flags, ...(Object.keys(ipv6).length === 0 ? {} : { ipv6 }) };
  if (wanted.nodeSettings === undefined || wanted.nodes === undefined) return wanted;
  const { nodes } = wanted;
  const kept = Object.entries(wanted.nodeSettings).filter(([node]) => nodes.includes(node));
  return { ...wanted, nodeSettings: Object.fromEntries(kept) };
}

async function readConfig(path: string): Promise<WantedLab> {
  try {
    return parseConfigFile(path, await readFile(path, 'utf8'));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw new LabError(`--config ${path}: there is no such file`);
    if (code === 'EISDIR') throw new LabError(`--config ${path}: is a folder, a file is wanted`);
    throw error;
  }
}

function withNodes(wanted: WantedLab): WantedLab {
  return { nodes: nodeNames(defaultNodes), ...wanted };
}

function printNext(config: LabConfig, started: readonly string[], stages: Stages): void {
  const option = config.name === defaultConfig.name ? '' : ` --name ${config.name}`;
  const podwire = commandPrefix();
  const kubectl = process.env['PODWIRE_OWN_KUBECTL'] === undefined ? 'kubectl' : `${podwire} kubectl${option}`;
  const what = started.length === 0 ? 'was up already' : `is up (${seconds(stages.totalMs)})`;
  console.log(`
Lab ${config.name} ${what}: ${config.nodes.length} nodes Ready. Next:

  export KUBECONFIG=$(${podwire} kubeconfig${option})
  ${kubectl} get nodes -o wide
  ${kubectl} create deployment web --image=busybox --replicas=4 -- httpd -f -v -p 8080 -h /etc
  ${podwire} node shell${option} node1
  ${podwire} down${option}
`);
}
