/** Puts a node together: one process, one client, one set of informers; network under runtime under kubelet, the proxy beside them. */
import { once } from 'node:events';
import { createEventRecorder } from '../api/event-recorder.ts';
import { createApiClient } from '../api/http-client.ts';
import { createLogger, type Logger } from '../api/logger.ts';
import type { InformerFactory } from '../api/informer.ts';
import { createRegistry } from '../api/metrics-registry.ts';
import { createInformerFactory } from '../api/shared-informers.ts';
import type { Exec } from '../kernel/exec.ts';
import { createRunner } from '../kernel/runner.ts';
import { startKubelet, type KubeletOptions } from '../kubelet/index.ts';
import {
  createNodeNetwork,
  createPluginNetwork,
  startServiceAddresses,
  type NodeNetwork,
  type NodeNetworkOptions,
} from '../network/index.ts';
import { createDepartures, startProxy, type ProxyOptions } from '../proxy/index.ts';
import { servingTls } from './agent-certificates.ts';
import { readKubeconfigFile } from './kubeconfig-file.ts';
import { parseLogLimits, parseNodeLabels, parseTaints } from './node-settings.ts';
import { pluginState } from './plugin-state.ts';
import { pullsOf } from './pulls.ts';
import { createBuiltinRuntime, ociRuntimeHere } from '../runtime/builtin/index.ts';
import type { AgentArguments } from './commands/agent.ts';
import { parsePeriodMs } from './seconds.ts';
import { shutdownSignal } from './shutdown.ts';

/** What a program calls its version; `unknown` when it does not say. */
async function versionOf(exec: Exec, program: string): Promise<string> {
  try {
    const { stdout } = await exec.run({ argv: [program, '--version'], timeoutMs: 5_000 });
    return /version:? ([\w.+-]+)/.exec(stdout)?.[1] ?? 'unknown';
  } catch {
    return 'unknown';
  }
}

function networkSettings(argv: AgentArguments): Pick<NodeNetworkOptions, 'mode' | 'vxlanPort' | 'localAddresses'> {
  return { mode: argv['pod-network'], vxlanPort: argv['vxlan-port'], localAddresses: argv['node-local-dns'] };
}

/** This node's own comes first: when it is gone its port refuses at once, and a resolver goes on to the next. */
function dnsServersOf(argv: AgentArguments): Pick<KubeletOptions, 'clusterDNS'> {
  return { clusterDNS: [...argv['node-local-dns'], ...(argv['cluster-dns'] ?? [])] };
}

function proxySettings(argv: AgentArguments): Partial<ProxyOptions> {
  return {
    mode: argv['proxy-mode'],
    nodePortAddresses: argv['nodeport-addresses'],
    localhostNodePorts: argv['localhost-nodeports'],
    auditIntervalMs: parsePeriodMs(argv['iptables-sync-period']),
    // The network of this very process sets it, before or after the proxy would look.
    conntrackIsLiberal: argv['cni-conf-dir'] === undefined,
    metricsAddress: argv['proxy-metrics-bind-address'],
    healthzAddress: argv['proxy-healthz-bind-address'],
  };
}

/** The check comes with the first file: it holds the tables of the whole API. */
function manifestsOf({ 'pod-manifest-path': folder }: AgentArguments): Pick<KubeletOptions, 'manifests'> {
  if (folder === undefined) return {};
  return { manifests: { folder, loadCheck: async () => (await import('./static-pod-check.ts')).staticPodCheck } };
}

function foldersOf(argv: AgentArguments): Pick<KubeletOptions, 'stateDir' | 'runDir' | 'logDir'> {
  return { stateDir: argv['state-dir'], runDir: argv['run-dir'], logDir: argv['log-dir'] };
}

/** What the Node says of itself, once and again. */
function registrationOf(
  argv: AgentArguments,
): Pick<KubeletOptions, 'maxPods' | 'nodeLeaseDurationSeconds' | 'nodeLabels' | 'registerWithTaints'> {
  return {
    maxPods: argv['max-pods'],
    nodeLeaseDurationSeconds: argv['node-lease-duration-seconds'],
    nodeLabels: parseNodeLabels(argv['node-labels']),
    registerWithTaints: parseTaints(argv['register-with-taints']),
  };
}

/** Of the node and of all pods, in the words of each part. */
function addressesOf({ 'node-ip': ips, 'cluster-cidr': clusterCIDR, ...argv }: AgentArguments) {
  const nodeIPs = ips.split(',');
  const clusterCIDRs = clusterCIDR.split(',');
  const nonMasqueradeCIDRs = argv['non-masquerade-cidr'];
  return { nodeIPs, nodeIP: nodeIPs[0] ?? '', clusterCIDR, clusterCIDRs, nonMasqueradeCIDRs };
}

interface Ground {
  readonly exec: Exec;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** Links by somebody else's CNI configuration. */
function pluginNetwork(
  argv: AgentArguments,
  shared: Ground & { readonly nodeName: string; readonly informers: InformerFactory },
): NodeNetwork {
  const [confDir, binDirs] = [argv['cni-conf-dir'] ?? '', argv['cni-bin-dir']];
  return createPluginNetwork({ ...shared, confDir, binDirs, stateDir: pluginState(argv) });
}

/** Resolves when everything runs; it goes on until the signal. */
async function startNode(argv: AgentArguments, { exec, logger, signal }: Ground): Promise<{ close(): Promise<void> }> {
  const nodeName = argv['node-name'];
  const addresses = addressesOf(argv);
  const client = createApiClient(readKubeconfigFile(argv.kubeconfig));
  const informers = createInformerFactory(client, { logger, signal });
  const recorder = (component: string) => createEventRecorder(client, { component, host: nodeName, logger });
  const shared = { exec, nodeName, ...addresses, informers, logger, signal, proxyMode: argv['proxy-mode'] };
  const metrics = createRegistry();
  const ownNetwork = { ...shared, ...networkSettings(argv), metrics, events: recorder('podwire-network') };
  const network = argv['cni-conf-dir'] === undefined ? createNodeNetwork(ownNetwork) : pluginNetwork(argv, shared);
  startServiceAddresses({ ...shared, events: recorder('podwire-network') });
  const ociRuntime = argv['oci-runtime'] ?? ociRuntimeHere();
  const { runtime, images, prepare, remembered } = createBuiltinRuntime({
    exec,
    stateDir: argv['state-dir'],
    runDir: argv['run-dir'],
    imageDir: argv['image-dir'],
    network,
    cgroupParent: argv['cgroup-parent'],
    logger,
    ociRuntime,
  });
  // The proxy's relay outlives this process: it must not be started before.
  const [version] = await Promise.all([versionOf(exec, ociRuntime), network.start(remembered()), prepare()]);
  const departures = createDepartures();
  const kubelet = startKubelet({
    client,
    informers,
    runtime,
    images: pullsOf(images, argv),
    network,
    events: recorder('kubelet'),
    nodeName,
    nodeIPs: addresses.nodeIPs,
    ...foldersOf(argv),
    containerLogs: parseLogLimits(argv['container-log-max-size'], argv['container-log-max-files']),
    port: argv.port,
    tls: servingTls(argv, { client, logger, signal }),
    clusterDomain: argv['cluster-domain'],
    ...dnsServersOf(argv),
    runtimeVersion: `conmon+${ociRuntime}://${version}`,
    ...registrationOf(argv),
    ownRules: departures,
    endpointDrainMs: argv['endpoint-drain-ms'],
    metrics: () => metrics.text(),
    ...manifestsOf(argv),
    logger,
    signal,
  });
  await Promise.all([
    kubelet,
    startProxy({ ...shared, ...proxySettings(argv), departures, events: recorder('kube-proxy') }),
  ]);
  return {
    async close() {
      await runtime.stop();
      client.close();
    },
  };
}

/** Runs until SIGTERM; pods outlive it. Rejects when a file is missing, the port is taken or the kernel refuses. */
export async function runAgent(argv: AgentArguments): Promise<void> {
  const signal = shutdownSignal();
  const logger = createLogger((line) => process.stdout.write(line), { node: argv['node-name'] });
  // Before anything else: it is forked while this process is small.
  const runner = await createRunner({ logger });
  const node = await startNode(argv, { exec: runner, logger, signal });
  logger.info('the agent runs', { port: argv.port });
  if (!signal.aborted) await once(signal, 'abort');
  await node.close();
  await runner.close();
  process.exit(0);
}
