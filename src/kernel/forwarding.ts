/** What a link knows of those beyond it: neighbours (which hardware address an address has) and, of a VXLAN link, forwarding entries (which node has that). */
import { CommandError, type Exec } from './exec.ts';
import { failuresOf, type BatchFailure } from './ip.ts';

export interface Neighbour {
  readonly ip: string;
  readonly mac: string;
}

export interface ForwardingEntry {
  readonly mac: string;
  /** Where frames for it are sent. */
  readonly to: string;
}

/** An address of somebody else that a link answers neighbour solicitations for. */
export interface NeighbourProxy {
  readonly ip: string;
  readonly link: string;
}

/** Rows are `{}` where something went while it was read, and nothing at all is printed for some empty answers. */
function rowsOf(text: string): readonly Readonly<Record<string, unknown>>[] {
  return text.trim() === '' ? [] : (JSON.parse(text) as Record<string, unknown>[]);
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

/** The permanent ones of one link, both families. */
export async function readNeighbours(exec: Exec, link: string): Promise<readonly Neighbour[]> {
  const argv = ['ip', '-json', 'neighbour', 'show', 'dev', link, 'nud', 'permanent'] as const;
  const { stdout } = await exec.run({ argv });
  return rowsOf(stdout).flatMap(({ dst, lladdr }) => (dst === undefined ? [] : [{ ip: text(dst), mac: text(lladdr) }]));
}

/** Those that carry this `protocol` number, on every link. IPv6 only: ARP needs none. */
export async function readNeighbourProxies(exec: Exec, protocol: number): Promise<readonly NeighbourProxy[]> {
  const { stdout } = await exec.run({ argv: ['ip', '-6', '-json', 'neighbour', 'show', 'proxy'] });
  return rowsOf(stdout).flatMap(({ dst, dev, protocol: number }) =>
    dst !== undefined && String(number) === String(protocol) ? [{ ip: text(dst), link: text(dev) }] : [],
  );
}

/** Those of a VXLAN link that name an address. */
export async function readForwarding(exec: Exec, link: string): Promise<readonly ForwardingEntry[]> {
  const { stdout } = await exec.run({ argv: ['bridge', '-json', 'fdb', 'show', 'dev', link] });
  return rowsOf(stdout).flatMap(({ mac, dst }) => (dst === undefined ? [] : [{ mac: text(mac), to: text(dst) }]));
}

/** As `runIpBatch`, for `bridge`: lines such as `fdb replace MAC dev LINK dst ADDRESS`. */
export async function runBridgeBatch(exec: Exec, lines: readonly string[]): Promise<readonly BatchFailure[]> {
  if (lines.length === 0) return [];
  const argv = ['bridge', '-force', '-batch', '-'] as const;
  const result = await exec.run({ argv, stdin: `${lines.join('\n')}\n`, okExitCodes: [0, 1, 255] });
  const failures = failuresOf(result.stderr, lines);
  if (result.exitCode !== 0 && failures.length === 0)
    throw new CommandError({ ...result, argv, reason: 'did not carry out the batch', timedOut: false, missing: false });
  return failures;
}
