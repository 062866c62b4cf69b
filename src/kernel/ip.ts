/** Links, addresses and routes through iproute2: `ip -json` to read, one `ip -batch -` to write. */
import type { Family } from './family.ts';
import { CommandError, type Exec } from './exec.ts';

export interface LinkAddress {
  readonly address: string;
  readonly prefixLength: number;
}

/** A network link as the kernel has it. */
export interface Link {
  readonly name: string;
  /** `veth`, `bridge`, …; empty for a physical one and for loopback. */
  readonly kind: string;
  readonly mac: string;
  readonly mtu: number;
  /** Administratively up. */
  readonly up: boolean;
  /** The bridge it is a port of. */
  readonly master: string | undefined;
  readonly alias: string | undefined;
  /** Of a bridge port: frames may leave where they came in. */
  readonly hairpin: boolean;
  /** Of a bridge: bridged IPv4 packets pass iptables. */
  readonly callIptables: boolean;
  /** The same for IPv6. */
  readonly callIp6tables: boolean;
  /** Of a VXLAN link. */
  readonly vxlan?: Vxlan;
  readonly addresses: readonly LinkAddress[];
}

export interface Vxlan {
  readonly id: number;
  /** The address that it sends from; undefined when the kernel chooses. */
  readonly local: string | undefined;
  readonly port: number;
  readonly learning: boolean;
}

export interface Route {
  /** A CIDR, or `default`. */
  readonly destination: string;
  readonly via: string | undefined;
  readonly device: string;
}

/** A line of a batch that failed; the lines after it were still carried out. */
export interface BatchFailure {
  /** Place in the batch, from 0. */
  readonly index: number;
  readonly line: string;
  readonly message: string;
}

interface RawLink {
  ifname: string;
  ifalias?: string;
  address?: string;
  mtu: number;
  flags: string[];
  master?: string;
  linkinfo?: {
    info_kind?: string;
    info_data?: { nf_call_iptables?: number; nf_call_ip6tables?: number } & RawVxlan;
    info_slave_data?: { hairpin?: boolean };
  };
  addr_info?: { local?: string; prefixlen?: number }[];
}

interface RawVxlan {
  id?: number;
  local?: string;
  local6?: string;
  port?: number;
  learning?: boolean;
}

interface RawRoute {
  dst: string;
  gateway?: string;
  dev?: string;
}

function vxlanOf({ id = 0, local, local6, port = 0, learning = false }: RawVxlan): Vxlan {
  return { id, local: local ?? local6, port, learning };
}

function linkOf(raw: RawLink): Link {
  const { info_kind: kind, info_data: data } = raw.linkinfo ?? {};
  return {
    name: raw.ifname,
    kind: kind ?? '',
    mac: raw.address ?? '',
    mtu: raw.mtu,
    up: raw.flags.includes('UP'),
    master: raw.master,
    alias: raw.ifalias,
    hairpin: raw.linkinfo?.info_slave_data?.hairpin === true,
    callIptables: data?.nf_call_iptables === 1,
    callIp6tables: data?.nf_call_ip6tables === 1,
    ...(kind === 'vxlan' && data !== undefined ? { vxlan: vxlanOf(data) } : {}),
    addresses: (raw.addr_info ?? []).flatMap(({ local, prefixlen }) =>
      local === undefined || prefixlen === undefined ? [] : [{ address: local, prefixLength: prefixlen }],
    ),
  };
}

/** iproute2 prints nothing at all, not `[]`, for some empty answers; deleted entries show as `{}`. */
function parseList<T>(text: string): T[] {
  return (text.trim() === '' ? [] : (JSON.parse(text) as T[])).filter((item) => Object.keys(item as object).length > 0);
}

/** Every link of the namespace with its addresses of both families, in one spawn. */
export async function readLinks(exec: Exec, netns?: string): Promise<readonly Link[]> {
  const argv = ['ip', '-json', '-details', 'address', 'show'] as const;
  const { stdout } = await exec.run({ argv, ...(netns === undefined ? {} : { netns }) });
  return parseList<RawLink>(stdout).map(linkOf);
}

/** The routes of one table that carry this `proto` number. */
export async function readRoutes(
  exec: Exec,
  family: Family,
  protocol: number,
  table: 'main' | 'local' = 'main',
): Promise<readonly Route[]> {
  const argv = ['ip', family.ipFlag, '-json', 'route', 'show', 'table', table, 'proto', String(protocol)] as const;
  const { stdout } = await exec.run({ argv });
  return parseList<RawRoute>(stdout).map(({ dst, gateway, dev }) => ({
    destination: dst === 'default' || dst.includes('/') ? dst : `${dst}/${family.bits}`,
    via: gateway,
    device: dev ?? '',
  }));
}

/** Where the default routes of a namespace lead. `netns`: its path. */
export async function readGateways(exec: Exec, family: Family, netns: string): Promise<readonly string[]> {
  const { stdout } = await exec.run({ argv: ['ip', family.ipFlag, '-json', 'route', 'show', 'default'], netns });
  return parseList<RawRoute>(stdout).flatMap(({ gateway }) => gateway ?? []);
}

/** Reads `Command failed -:3` lines of iproute2: what stands before each is why. */
export function failuresOf(stderr: string, lines: readonly string[]): BatchFailure[] {
  const failures: BatchFailure[] = [];
  let message: string[] = [];
  for (const text of stderr.split('\n')) {
    const match = /^Command failed -:(\d+)$/.exec(text.trim());
    if (match === null) {
      if (text.trim() !== '') message.push(text.trim());
      continue;
    }
    const index = Number(match[1]) - 1;
    failures.push({ index, line: lines[index] ?? '', message: message.join('; ') });
    message = [];
  }
  return failures;
}

/**
 * Carries out the lines in order in one spawn. A line that fails does not stop those after it (`ip` is not atomic);
 * the failures come back, for {@link isExists} and {@link isMissing} to judge. Rejects when `ip` itself could not run.
 * Lines may be `netns add NAME` too. `netns`: name of the namespace to do it in; `ip` enters it by itself, which is one
 * exec less than nsenter.
 */
export async function runIpBatch(
  exec: Exec,
  lines: readonly string[],
  netns?: string,
): Promise<readonly BatchFailure[]> {
  const inside = netns === undefined ? [] : ['-netns', netns];
  return runBatch(exec, ['ip', ...inside, '-force', '-batch', '-'], lines);
}

/** The same for queueing disciplines and filters: lines of tc(8). */
export function runTcBatch(exec: Exec, lines: readonly string[]): Promise<readonly BatchFailure[]> {
  return runBatch(exec, ['tc', '-force', '-batch', '-'], lines);
}

async function runBatch(
  exec: Exec,
  argv: readonly [string, ...string[]],
  lines: readonly string[],
): Promise<readonly BatchFailure[]> {
  if (lines.length === 0) return [];
  const result = await exec.run({ argv, stdin: `${lines.join('\n')}\n`, okExitCodes: [0, 1, 2] });
  const failures = failuresOf(result.stderr, lines);
  if (result.exitCode !== 0 && failures.length === 0) {
    throw new CommandError({
      ...result,
      argv,
      reason: 'did not carry out the batch',
      timedOut: false,
      missing: false,
    });
  }
  return failures;
}

/** What was to be made is there already. */
export function isExists(failure: Pick<BatchFailure, 'message'>): boolean {
  return /File exists|Exclusivity flag on/.test(failure.message);
}

/** What was to be changed or deleted is not there. */
export function isMissing(failure: Pick<BatchFailure, 'message'>): boolean {
  return /Cannot find device|No such file or directory|No such process|No such device|does not exist/.test(
    failure.message,
  );
}

/** One error out of failures that were not expected. */
export class IpBatchError extends Error {
  override readonly name = 'IpBatchError';
  readonly failures: readonly BatchFailure[];

  constructor(what: string, failures: readonly BatchFailure[], program: 'ip' | 'tc' = 'ip') {
    super(`${what}: ${failures.map(({ line, message }) => `${program} ${line}: ${message}`).join('; ')}`);
    this.failures = failures;
  }
}
