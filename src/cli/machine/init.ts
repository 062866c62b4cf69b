/**
 * Makes this machine a control plane: keys and certificates, flags in a file, the process itself, DNS, and a line for others to join by.
 * Run again it keeps what is there, and changes the flags that are given.
 */
import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { nthAddress, parseCIDR } from '../../api/addresses.ts';
import type { ApiClient } from '../../api/client.ts';
import { createApiClient } from '../../api/http-client.ts';
import { namespaces } from '../../api/resources.ts';
import { createDirectExec } from '../../kernel/run-process.ts';
import { controlPlaneFiles, createAuthority, loadAuthority, type Authority } from '../../pki/index.ts';
import { applyObjects } from '../addons/apply-objects.ts';
import { canBeImage, installDns } from '../addons/dns.ts';
import { parseCIDRs } from '../cidr-list.ts';
import type { InitArguments } from '../commands/init.ts';
import { MachineError, UsageError } from '../errors.ts';
import { runInForeground } from '../foreground.ts';
import { readKubeconfigFile } from '../kubeconfig-file.ts';
import { agentDefaultsObjects, type AgentDefaults } from './agent-defaults.ts';
import { flagsIn, requireRoot, writeFlags, writePrivate } from './files.ts';
import { clusterDomain, machinePaths, units } from './places.ts';
import { commandPrefix, thisProgram } from './program.ts';
import { parseSeconds } from '../seconds.ts';
import { createToken, joinCommand } from './tokens.ts';
import { enableUnit, hasUnit } from './units.ts';

/** Flags of the control plane that `init` takes and writes down. */
const controlPlaneFlags = [
  'advertise-address',
  'bind-address',
  'secure-port',
  'cluster-cidr',
  'service-cluster-ip-range',
  'load-balancer-cidr',
  'node-monitor-grace-period',
  'cluster-signing-duration',
] as const;

const usualGraceSeconds = 40;
/** Generous: an emulated machine takes a minute to start the API server. */
const answerLimitMs = 180_000;

interface Wanted {
  readonly address: string;
  readonly port: number;
  readonly podCIDRs: readonly string[];
  readonly serviceCIDRs: readonly string[];
  /** As they are written for `podwire control-plane`. */
  readonly flags: Readonly<Record<string, unknown>>;
}

/** Returns when it answers (under systemd), or when it ends (in the foreground). */
export async function initControlPlane(argv: InitArguments): Promise<void> {
  requireRoot(machinePaths.config);
  const wanted = wantedOf(argv);
  await writeCredentials(wanted);
  await writeFlags(machinePaths.controlPlaneConfig, wanted.flags);
  const exec = createDirectExec();
  if (!argv.foreground && (await hasUnit(exec, units.controlPlane))) {
    await enableUnit(exec, units.controlPlane);
    return finish(argv, wanted, AbortSignal.timeout(answerLimitMs));
  }
  const [node, script] = thisProgram();
  const ended = new AbortController();
  const argvOfIt = [node, script, 'control-plane', '--config', machinePaths.controlPlaneConfig] as const;
  const exit = runInForeground([...argvOfIt]).finally(() => ended.abort());
  const limit = AbortSignal.timeout(answerLimitMs);
  const finished = finish(argv, wanted, AbortSignal.any([limit, ended.signal]));
  finished.catch((error: unknown) => {
    if (!ended.signal.aborted)
      process.stderr.write(`podwire: ${error instanceof Error ? error.message : String(error)}\n`);
  });
  process.exitCode = await exit;
}

/** What is given, over what the file of an earlier `init` says, over the defaults. */
function wantedOf(argv: InitArguments): Wanted {
  const given = Object.fromEntries(
    controlPlaneFlags.flatMap((flag) => (argv[flag] === undefined ? [] : [[flag, argv[flag]]])),
  );
  const flags: Record<string, unknown> = { ...flagsIn(machinePaths.controlPlaneConfig), ...given };
  flags['advertise-address'] ??= onlyAddress();
  flags['cluster-cidr'] ??= '10.45.0.0/16';
  flags['service-cluster-ip-range'] ??= '10.46.0.0/16';
  flags['state-dir'] = machinePaths.controlPlane;
  flags['pod-routes'] = argv['pod-routes'];
  return {
    address: String(flags['advertise-address']),
    port: Number(flags['secure-port'] ?? 6443),
    podCIDRs: parseCIDRs('cluster-cidr', String(flags['cluster-cidr'])),
    serviceCIDRs: parseCIDRs('service-cluster-ip-range', String(flags['service-cluster-ip-range'])),
    flags,
  };
}

function onlyAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  const found = all.filter(({ internal, family }) => !internal && family === 'IPv4').map(({ address }) => address);
  if (found.length === 1 && found[0] !== undefined) return found[0];
  const which = found.length === 0 ? 'has none that others reach' : `has ${found.join(', ')}`;
  throw new UsageError(`--advertise-address: which of its addresses do nodes reach this machine by? It ${which}`);
}

const urlOf = ({ address, port }: Wanted): string =>
  `https://${address.includes(':') ? `[${address}]` : address}:${port}`;

/** What is missing is made; a certificate that does not name the address is made anew. */
async function writeCredentials(wanted: Wanted): Promise<void> {
  const folder = machinePaths.controlPlane;
  const files = await controlPlaneFiles(await authorityIn(folder), {
    cluster: 'podwire',
    apiServerAddresses: [...wanted.serviceCIDRs.map((cidr) => nthAddress(parseCIDR(cidr), 1)), wanted.address],
    clusterDomain,
    ownServer: `https://127.0.0.1:${wanted.port}`,
    server: urlOf(wanted),
  });
  const stem = (name: string): string => name.replace(/\.[a-z]+$/, '');
  const isMissing = (name: string): boolean => !existsSync(join(folder, name));
  const stale = new Set(Object.keys(files.folder).filter(isMissing).map(stem));
  if (!stale.has('apiserver') && !isNamed(join(folder, 'apiserver.crt'), wanted)) stale.add('apiserver');
  for (const [name, text] of Object.entries(files.folder))
    if (stale.has(stem(name))) await writePrivate(join(folder, name), text);
  if (!isAdminGood(urlOf(wanted), String(files.folder['ca.crt'])))
    await writePrivate(machinePaths.adminKubeconfig, files.admin);
}

function isAdminGood(url: string, caPem: string): boolean {
  if (!existsSync(machinePaths.adminKubeconfig)) return false;
  const { server, ca } = readKubeconfigFile(machinePaths.adminKubeconfig);
  return server === url && ca === caPem;
}

const isNamed = (path: string, { address }: Wanted): boolean =>
  new X509Certificate(readFileSync(path)).checkIP(address) !== undefined;

async function authorityIn(folder: string): Promise<Authority> {
  const [certFile, keyFile] = [join(folder, 'ca.crt'), join(folder, 'ca.key')];
  if (!existsSync(certFile)) return createAuthority('podwire-ca');
  if (!existsSync(keyFile)) throw new MachineError(`${keyFile} is missing: without the CA's key nothing can be signed`);
  return loadAuthority({ certPem: readFileSync(certFile, 'utf8'), keyPem: readFileSync(keyFile, 'utf8') });
}

/** What needs an API server that answers. */
async function finish(argv: InitArguments, wanted: Wanted, signal: AbortSignal): Promise<void> {
  const config = readKubeconfigFile(machinePaths.adminKubeconfig);
  const client = createApiClient(config);
  try {
    await waitForAnswer(client, urlOf(wanted), signal);
    const clusterDNS = wanted.serviceCIDRs.map((cidr) => nthAddress(parseCIDR(cidr), 10));
    await applyObjects(client, agentDefaultsObjects(agentDefaults(argv, wanted, clusterDNS)), signal);
    const [node, script] = thisProgram();
    const program = { node, script };
    if (argv.dns === 'on' && canBeImage(program)) {
      const reverseCIDRs = [...wanted.podCIDRs, ...wanted.serviceCIDRs];
      await installDns({ client, exec: createDirectExec(), program, clusterIPs: clusterDNS, reverseCIDRs }, signal);
    }
    const token = await createToken(client, argv['token-ttl'], 'made by podwire init');
    console.log(nextSteps(urlOf(wanted), joinCommand(config, token)));
  } finally {
    client.close();
  }
}

function agentDefaults(argv: InitArguments, { podCIDRs, flags }: Wanted, clusterDNS: readonly string[]): AgentDefaults {
  const { 'proxy-mode': proxyMode, 'pod-network': podNetwork } = argv;
  const { 'node-monitor-grace-period': period } = flags;
  const grace = typeof period === 'string' ? parseSeconds(period) : usualGraceSeconds;
  return {
    'cluster-cidr': podCIDRs.join(),
    // A node that lives is heard of within the control plane's patience.
    'node-lease-duration-seconds': Math.min(grace, usualGraceSeconds),
    'cluster-domain': clusterDomain,
    ...(argv.dns === 'on' && { 'cluster-dns': clusterDNS.slice(0, 1) }),
    ...(proxyMode !== undefined && { 'proxy-mode': proxyMode }),
    ...(podNetwork !== undefined && { 'pod-network': podNetwork }),
  };
}

async function waitForAnswer(client: ApiClient, server: string, signal: AbortSignal): Promise<void> {
  for (let last: unknown; ;) {
    try {
      await client.get(namespaces, { name: 'kube-system' });
      return;
    } catch (error) {
      last = error;
    }
    await sleep(100, undefined, { signal }).catch(() => {
      const why = last instanceof Error ? last.message : String(last);
      throw new MachineError(`the API server does not answer at ${server}: ${why}`);
    });
  }
}

function nextSteps(server: string, line: string): string {
  const podwire = commandPrefix();
  return `
The control plane answers at ${server}. Here:

  export KUBECONFIG=${machinePaths.adminKubeconfig}
  kubectl get nodes

On each machine that shall be a node:

  ${line}

Another such line, for another day: ${podwire} token create --print-join-command
`;
}
