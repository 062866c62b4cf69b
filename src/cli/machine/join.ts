/**
 * Makes this machine a node of a cluster:
 *
 *   address and pin ──► the CA, believed by its pin ──► token ──► first certificate ──► files ──► the agent, which goes on by itself
 *
 * Nothing is written before the certificate is there. Run again it starts what it left.
 */
import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiClient } from '../../api/client.ts';
import { findCondition } from '../../api/conditions.ts';
import { ApiError } from '../../api/errors.ts';
import { createApiClient } from '../../api/http-client.ts';
import { nodes } from '../../api/resources.ts';
import type { Exec } from '../../kernel/exec.ts';
import { createDirectExec } from '../../kernel/run-process.ts';
import { clientPurpose, goodPair, requestCertificate, writePair, type KeyPair } from '../../kubelet/index.ts';
import { certificateFiles } from '../agent-certificates.ts';
import { canBeImage, ensureImage } from '../addons/dns.ts';
import type { JoinArguments } from '../commands/join.ts';
import { MachineError, UsageError } from '../errors.ts';
import { runInForeground } from '../foreground.ts';
import { importBusybox } from '../images.ts';
import { readKubeconfigFile } from '../kubeconfig-file.ts';
import { readAgentDefaults, type AgentDefaults } from './agent-defaults.ts';
import { discover, parseEndpoint } from './discovery.ts';
import { flagsIn, requireRoot, writeFlags, writePrivate } from './files.ts';
import { machinePaths, units } from './places.ts';
import { thisProgram } from './program.ts';
import { enableUnit, hasUnit } from './units.ts';

const certificateLimitMs = 60_000;
const readyLimitMs = 120_000;
const clientFile = `${machinePaths.pki}/${certificateFiles.client}`;

/** Returns when the node is Ready (under systemd), or when the agent ends (in the foreground). */
export async function joinCluster(argv: JoinArguments): Promise<void> {
  requireRoot(machinePaths.config);
  const endpoint = parseEndpoint(argv.endpoint);
  if (endpoint === undefined) throw new UsageError(`${argv.endpoint}: HOST:PORT of the control plane is wanted`);
  const server = `https://${argv.endpoint}`;
  const nodeName = argv['node-name'] ?? hostname().toLowerCase();
  if (isJoined(server, nodeName)) console.log(`This machine is node ${nodeName} of ${server} already.`);
  else await join(argv, { endpoint, server, nodeName });
  const exec = createDirectExec();
  await prepareImages(exec);
  await startAgent(exec, argv, nodeName);
}

/** Throws a MachineError when it is another node, or a node of another cluster. */
function isJoined(server: string, nodeName: string): boolean {
  if (!existsSync(machinePaths.agentKubeconfig)) return false;
  const before = readKubeconfigFile(machinePaths.agentKubeconfig).server;
  const { 'node-name': name } = flagsIn(machinePaths.agentConfig);
  if (before !== server || (name !== undefined && name !== nodeName))
    throw new MachineError(`this machine is node ${String(name)} of ${before}: podwire leave first`);
  return name !== undefined && goodPair(clientFile, clientPurpose(nodeName), Date.now()) !== undefined;
}

interface Place {
  readonly endpoint: { readonly host: string; readonly port: number };
  readonly server: string;
  readonly nodeName: string;
}

async function join(argv: JoinArguments, { endpoint, server, nodeName }: Place): Promise<void> {
  const { ca, localAddress } = await discover(endpoint, argv['ca-hash']);
  const client = createApiClient({ server, ca, token: argv.token });
  try {
    const signal = AbortSignal.timeout(2 * certificateLimitMs);
    const purpose = clientPurpose(nodeName);
    const pair = await requestCertificate(client, purpose, { signal, limitMs: certificateLimitMs });
    const defaults = await readAgentDefaults(client);
    const nodeIP = argv['node-ip'] ?? localAddress.replace(/^::ffff:/, '');
    await writeNode({ server, ca, pair }, agentFlags(argv, defaults, { nodeName, nodeIP }));
  } catch (error) {
    throw explained(error, argv);
  } finally {
    client.close();
  }
}

function explained(error: unknown, { token, endpoint }: JoinArguments): unknown {
  if (!(error instanceof ApiError)) return error;
  const id = token.split('.')[0] ?? '';
  const another = 'take another line on the control plane: podwire token create --print-join-command';
  if (error.code === 401)
    return new MachineError(`${endpoint} does not know token ${id}, or it has run out: ${another}`);
  if (error.code === 403) return new MachineError(`token ${id} may not join nodes (${error.message}): ${another}`);
  return new MachineError(`${endpoint}: ${error.message}`);
}

function agentFlags(
  argv: JoinArguments,
  defaults: AgentDefaults,
  { nodeName, nodeIP }: { readonly nodeName: string; readonly nodeIP: string },
): Readonly<Record<string, unknown>> {
  const own = [
    'cluster-cidr',
    'cluster-dns',
    'proxy-mode',
    'pod-network',
    'node-labels',
    'register-with-taints',
  ] as const;
  const given = own.flatMap((flag) => (argv[flag] === undefined ? [] : [[flag, argv[flag]]]));
  const flags: Record<string, unknown> = { ...defaults, ...(Object.fromEntries(given) as Record<string, unknown>) };
  if (flags['cluster-cidr'] === undefined)
    throw new UsageError('--cluster-cidr: this control plane does not tell the range of its pods');
  return {
    kubeconfig: machinePaths.agentKubeconfig,
    'node-name': nodeName,
    'node-ip': nodeIP,
    'client-ca-file': machinePaths.clusterCA,
    'cert-dir': machinePaths.pki,
    'state-dir': machinePaths.agent,
    ...flags,
  };
}

interface Identity {
  readonly server: string;
  readonly ca: string;
  readonly pair: KeyPair;
}

/** The kubeconfig last: it says that the rest is there. */
async function writeNode({ server, ca, pair }: Identity, flags: Readonly<Record<string, unknown>>): Promise<void> {
  await writePrivate(machinePaths.clusterCA, ca);
  await writePair(clientFile, pair);
  await writeFlags(machinePaths.agentConfig, flags);
  const certificate = `pki/${certificateFiles.client}`;
  const config = {
    ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'podwire' },
    clusters: [{ name: 'podwire', cluster: { server, 'certificate-authority': 'pki/ca.crt' } }],
    users: [{ name: 'node', user: { 'client-certificate': certificate, 'client-key': certificate } }],
    contexts: [{ name: 'podwire', context: { cluster: 'podwire', user: 'node' } }],
  };
  await writePrivate(machinePaths.agentKubeconfig, `${JSON.stringify(config, undefined, 2)}\n`);
}

/** What pods run from where there is no registry: this program (DNS) and busybox. */
async function prepareImages(exec: Exec): Promise<void> {
  const [node, script] = thisProgram();
  if (canBeImage({ node, script })) await ensureImage(exec, { node, script });
  await importBusybox(exec).catch((error: unknown) =>
    process.stderr.write(`podwire: no busybox image: ${error instanceof Error ? error.message : String(error)}\n`),
  );
}

async function startAgent(exec: Exec, argv: JoinArguments, nodeName: string): Promise<void> {
  if (!argv.foreground && (await hasUnit(exec, units.agent))) {
    await enableUnit(exec, units.agent);
    return tellWhenReady(nodeName, AbortSignal.timeout(readyLimitMs));
  }
  const [node, script] = thisProgram();
  const ended = new AbortController();
  const exit = runInForeground([node, script, 'agent', '--config', machinePaths.agentConfig]).finally(() =>
    ended.abort(),
  );
  void tellWhenReady(nodeName, AbortSignal.any([ended.signal, AbortSignal.timeout(readyLimitMs)])).catch(
    () => undefined,
  );
  process.exitCode = await exit;
}

async function tellWhenReady(nodeName: string, signal: AbortSignal): Promise<void> {
  const client = createApiClient(readKubeconfigFile(machinePaths.agentKubeconfig));
  try {
    while (!(await isReady(client, nodeName))) await sleep(200, undefined, { signal });
    console.log(`Node ${nodeName} is Ready.`);
  } catch (error) {
    if (!signal.aborted) throw error;
    throw new MachineError(
      `node ${nodeName} has joined, but is not Ready after ${readyLimitMs / 1000} s: journalctl -u ${units.agent}`,
    );
  } finally {
    client.close();
  }
}

async function isReady(client: ApiClient, name: string): Promise<boolean> {
  const node = await client.get(nodes, { name }).catch(() => undefined);
  return findCondition(node?.status?.conditions, 'Ready')?.status === 'True';
}
