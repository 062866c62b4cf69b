/** The kernel's table of flows, through conntrack(8). */
import type { Exec } from './exec.ts';
import { ipv4, type Family } from './family.ts';
import { readSysctls } from './sysctl.ts';

/** A flow: the packet that opened it, and the packet that is expected back. They differ where NAT stands between. */
export interface Flow {
  readonly protocol: string;
  readonly original: FlowSide;
  readonly reply: FlowSide;
  /** Nothing came back yet. */
  readonly unreplied: boolean;
}

export interface FlowSide {
  readonly source: string;
  readonly destination: string;
  /** 0 where the protocol has none. */
  readonly sourcePort: number;
  readonly destinationPort: number;
}

/** Which flows to delete; every field given must match. */
export interface FlowFilter {
  /** IPv4 when left out. */
  readonly family?: Family;
  readonly protocol?: string;
  readonly originalSource?: string;
  readonly originalDestination?: string;
  readonly originalDestinationPort?: number;
  readonly replySource?: string;
  readonly replySourcePort?: number;
  /** TCP only: `SYN_SENT` is a flow that nobody has answered. */
  readonly state?: 'SYN_SENT';
}

function sideOf(fields: ReadonlyMap<string, string>): FlowSide {
  return {
    source: fields.get('src') ?? '',
    destination: fields.get('dst') ?? '',
    sourcePort: Number(fields.get('sport') ?? 0),
    destinationPort: Number(fields.get('dport') ?? 0),
  };
}

/** Reads one line of `conntrack -L`; undefined for what is none. */
export function parseFlow(line: string): Flow | undefined {
  const words = line.trim().split(/\s+/);
  const sides: Map<string, string>[] = [];
  for (const word of words) {
    const at = word.indexOf('=');
    if (at < 0) continue;
    const key = word.slice(0, at);
    if (key === 'src') sides.push(new Map());
    if (['src', 'dst', 'sport', 'dport'].includes(key)) sides.at(-1)?.set(key, word.slice(at + 1));
  }
  const [original, reply] = sides;
  const protocol = words[0];
  if (original === undefined || reply === undefined || protocol === undefined) return undefined;
  return { protocol, original: sideOf(original), reply: sideOf(reply), unreplied: words.includes('[UNREPLIED]') };
}

/** Which flows to list; every field given must match. */
export type FlowQuery = Pick<
  FlowFilter,
  'family' | 'protocol' | 'originalDestination' | 'originalDestinationPort' | 'state'
>;

const flags: readonly (readonly [string, Exclude<keyof FlowFilter, 'family'>])[] = [
  ['-p', 'protocol'],
  ['--state', 'state'],
  ['-s', 'originalSource'],
  ['-d', 'originalDestination'],
  ['--orig-port-dst', 'originalDestinationPort'],
  ['-r', 'replySource'],
  ['--reply-port-src', 'replySourcePort'],
];

function wordsOf(filter: FlowFilter): string[] {
  const words = flags.flatMap(([flag, field]) => {
    const value = filter[field];
    return value === undefined ? [] : [flag, String(value)];
  });
  return ['-f', (filter.family ?? ipv4).name, ...words];
}

/** The flows of one family (IPv4 unless told) that match; the program reads the whole table, but says only those. */
export async function listFlows(exec: Exec, query: FlowQuery = {}): Promise<readonly Flow[]> {
  const { stdout } = await exec.run({
    argv: ['conntrack', '-L', ...wordsOf(query)],
    maxOutputBytes: 512 * 1024 * 1024,
  });
  return stdout.split('\n').flatMap((line) => parseFlow(line) ?? []);
}

/** Deletes what matches, and tells how many flows that were; none is no failure. */
export async function deleteFlows(exec: Exec, filter: FlowFilter): Promise<number> {
  // It exits with 1 when nothing matched.
  const { stdout } = await exec.run({ argv: ['conntrack', '-D', ...wordsOf(filter)], okExitCodes: [0, 1] });
  return stdout.split('\n').filter((line) => parseFlow(line) !== undefined).length;
}

/** How many flows the namespace has, and how many it may have; undefined where the kernel counts none. */
export async function flowCount(exec: Exec): Promise<{ readonly count: number; readonly limit: number } | undefined> {
  const [count, limit] = ['net.netfilter.nf_conntrack_count', 'net.netfilter.nf_conntrack_max'] as const;
  const values = await readSysctls(exec, [count, limit]);
  const found = { count: Number(values.get(count)), limit: Number(values.get(limit)) };
  return Number.isInteger(found.count) && found.limit > 0 ? found : undefined;
}
