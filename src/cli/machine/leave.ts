/**
 * Takes this machine out of its cluster:
 *
 *   pods evicted ──► the agent stopped ──► the Node deleted ──► what is left of pods, links, rules, mounts ──► files
 *
 * A control plane that does not answer is told of, and the machine is cleaned all the same. Cut short, it goes on when run again:
 * the flags of the agent are the last thing to go.
 */
import { existsSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import yargs from 'yargs';
import type { ApiClient } from '../../api/client.ts';
import { isNotFound } from '../../api/errors.ts';
import { createApiClient } from '../../api/http-client.ts';
import { createLogger, type Logger } from '../../api/logger.ts';
import { isMirrorPod } from '../../api/pod-references.ts';
import { nodes, pods } from '../../api/resources.ts';
import type { Pod } from '../../api/types.gen.ts';
import { cgroupLayout, killCgroup, removeCgroup } from '../../kernel/cgroup.ts';
import type { Exec } from '../../kernel/exec.ts';
import { mountsUnder, unmount } from '../../kernel/mount.ts';
import { isAlive, processesWhose, signalProcess } from '../../kernel/processes.ts';
import { createDirectExec } from '../../kernel/run-process.ts';
import { createNodeRemoval, createPluginRemoval, type PodIdentity } from '../../network/index.ts';
import { cleanUpAll } from '../../proxy/index.ts';
import { createBuiltinRuntime } from '../../runtime/builtin/index.ts';
import { agentCommand, type AgentArguments } from '../commands/agent.ts';
import type { LeaveArguments } from '../commands/leave.ts';
import { MachineError } from '../errors.ts';
import { readKubeconfigFile } from '../kubeconfig-file.ts';
import { pluginState } from '../plugin-state.ts';
import { requireRoot } from './files.ts';
import { machinePaths, units } from './places.ts';
import { disableUnit, hasUnit } from './units.ts';

const agentEndMs = 15_000;
const evictionRetryMs = 500;

/** Rejects with a MachineError when this machine is no node, or when something of it cannot be removed. */
export async function leaveCluster({ drain, 'drain-timeout': drainSeconds, purge }: LeaveArguments): Promise<void> {
  requireRoot(machinePaths.config);
  if (!existsSync(machinePaths.agentConfig)) {
    throw new MachineError(`this machine is no node: there is no ${machinePaths.agentConfig}`);
  }
  const argv = await agentFlags();
  const exec = createDirectExec();
  const logger = createLogger((line) => {
    if (!line.includes(' INFO ')) process.stderr.write(line);
  });
  const isTold = await tellCluster(argv, drain ? drainSeconds * 1000 : 0, () => stopAgent(exec));
  await removePods(argv, exec, logger);
  if (!(await cleanUpAll({ exec, logger }))) throw new MachineError('rules of the Service proxy are left: see above');
  await removeFiles(argv, exec);
  if (purge) await rm(argv['image-dir'], { recursive: true, force: true });
  await rm(machinePaths.agentConfig, { force: true });
  const node = argv['node-name'];
  const rest = isTold ? '' : ` The control plane did not hear of it: kubectl delete node ${node}`;
  console.log(`This machine is no node any more (${node}).${rest}`);
}

/** With the defaults that the agent itself has. */
async function agentFlags(): Promise<AgentArguments> {
  const { builder } = agentCommand;
  if (typeof builder !== 'function') throw new TypeError('the agent command has no builder');
  const cli = await builder(yargs(['--config', machinePaths.agentConfig]).exitProcess(false).fail(false));
  return cli.parseAsync();
}

/** False when the control plane cannot be reached; the agent is stopped in any case. */
async function tellCluster(
  { kubeconfig, 'node-name': name }: AgentArguments,
  drainMs: number,
  stop: () => Promise<void>,
): Promise<boolean> {
  const isKnown = existsSync(kubeconfig);
  if (isKnown && drainMs > 0) {
    const drained = withNode(kubeconfig, (client) => evictAll(client, name, drainMs));
    await drained.catch(warn(`node ${name} is not drained`));
  }
  await stop();
  if (!isKnown) return false;
  try {
    await withNode(kubeconfig, (client) => client.delete(nodes, { name }));
    return true;
  } catch (error) {
    if (isNotFound(error)) return true;
    warn(`Node ${name} is not deleted`)(error);
    return false;
  }
}

/** As the node, by the certificate of this moment: the agent may renew it meanwhile. */
async function withNode<T>(kubeconfig: string, work: (client: ApiClient) => Promise<T>): Promise<T> {
  const client = createApiClient(readKubeconfigFile(kubeconfig));
  try {
    return await work(client);
  } finally {
    client.close();
  }
}

const warn =
  (what: string) =>
  (error: unknown): void =>
    void process.stderr.write(`podwire: ${what}: ${error instanceof Error ? error.message : String(error)}\n`);

/** Those that a DaemonSet or a file would bring back stay until the agent is stopped. */
function isEvictable(pod: Pod): boolean {
  const ownedByDaemonSet = (pod.metadata.ownerReferences ?? []).some(
    ({ kind, controller }) => controller && kind === 'DaemonSet',
  );
  return !isMirrorPod(pod) && !ownedByDaemonSet && !['Succeeded', 'Failed'].includes(pod.status?.phase ?? '');
}

/** Resolves when none is left, or when the time is over: what is left then is ended without ceremony. */
async function evictAll(client: ApiClient, name: string, limitMs: number): Promise<void> {
  await client.patch(nodes, { name }, { spec: { unschedulable: true } }, { type: 'merge' });
  const asked = new Set<string>();
  for (const end = Date.now() + limitMs; Date.now() < end; await sleep(evictionRetryMs)) {
    const { items } = await client.list(pods, { fieldSelector: `spec.nodeName=${name}` });
    const left = items.filter(isEvictable);
    if (left.length === 0) return;
    await Promise.all(
      left.filter(({ metadata: { uid = '' } }) => !asked.has(uid)).map((pod) => evict(client, pod, asked)),
    );
  }
}

/** One whose eviction is refused for now (a disruption budget) is asked again. */
async function evict(client: ApiClient, { metadata: { namespace, name = '', uid = '' } }: Pod, asked: Set<string>) {
  const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { namespace, name } };
  await client.createSubresource(pods, { namespace, name }, 'eviction', body).then(
    () => asked.add(uid),
    () => undefined,
  );
}

const isAgent = (argv: readonly string[]): boolean =>
  argv.includes('agent') && argv.some((arg) => arg.replace('--config=', '') === machinePaths.agentConfig);

/** The unit, or whatever process runs it. Rejects with a MachineError when it does not end. */
async function stopAgent(exec: Exec): Promise<void> {
  if (await hasUnit(exec, units.agent)) await disableUnit(exec, units.agent);
  const running = processesWhose(isAgent);
  for (const one of running) signalProcess(one, 'SIGTERM');
  for (const end = Date.now() + agentEndMs; running.some(isAlive); await sleep(50)) {
    if (Date.now() > end)
      throw new MachineError(`the agent (process ${running[0]?.pid}) does not end: end it, then leave again`);
  }
}

/** Containers, sandboxes and their links by the runtime's own records, then what those do not know of; plugins before the namespaces they work in. */
async function removePods(argv: AgentArguments, exec: Exec, logger: Logger): Promise<void> {
  const plugins = createPluginRemoval({ exec, binDirs: argv['cni-bin-dir'], stateDir: pluginState(argv) });
  const network = createNodeRemoval({ exec, logger });
  const tearDown = async (pod: PodIdentity): Promise<void> => {
    await plugins.tearDown(pod);
    await network.tearDown(pod);
  };
  const refuse = async (): Promise<never> => Promise.reject(new Error('a node that leaves sets up no pod'));
  const { runtime } = createBuiltinRuntime({
    ...{ exec, logger, network: { setUp: refuse, tearDown } },
    stateDir: argv['state-dir'],
    runDir: argv['run-dir'],
    imageDir: argv['image-dir'],
    cgroupParent: argv['cgroup-parent'],
    ...(argv['oci-runtime'] === undefined ? {} : { ociRuntime: argv['oci-runtime'] }),
  });
  await runtime.start();
  for (const { id } of await runtime.listPodSandboxes()) {
    await runtime.stopPodSandbox(id);
    await runtime.removePodSandbox(id);
  }
  await runtime.stop();
  await plugins.removeAll();
  await network.removeAll();
  const cgroups = cgroupLayout();
  await killCgroup(cgroups, argv['cgroup-parent']);
  await removeCgroup(cgroups, argv['cgroup-parent']);
}

async function removeFiles(argv: AgentArguments, exec: Exec): Promise<void> {
  const { 'state-dir': state, 'run-dir': run, 'log-dir': logs } = argv;
  const found = await Promise.all([logs, run].map((folder) => readdir(folder).catch(() => [])));
  const [pods = [], running = []] = found;
  // Labs of this machine keep their locks in the same folder of /run.
  const own = [
    ...pods.map((name) => join(logs, name)),
    ...running.filter((name) => name !== 'labs').map((name) => join(run, name)),
  ];
  for (const path of [state, ...own]) await unmount(exec, mountsUnder(path));
  await Promise.all([state, ...own].map((path) => rm(path, { recursive: true, force: true })));
}
