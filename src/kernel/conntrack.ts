/** The kernel's table of flows, through conntrack(8). */
import type { Exec } from './exec.ts';
import { ipv4, type Family } from './family.ts';

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

/** The flows of one family (IPv4 unless told), of one protocol, or all. */
export async function listFlows(
  exec: Exec,
  { family, protocol }: { readonly family?: Family; readonly protocol?: string } = {},
): Promise<readonly Flow[]> {
  const { stdout } = await exec.run({
    argv: ['conntrack', '-L', '-f', (family ?? ipv4).name, ...(protocol === undefined ? [] : ['-p', protocol])],
    maxOutputBytes: 512 * 1024 * 1024,
  });
  return stdout.split('\n').flatMap((line) => parseFlow(line) ?? []);
}

/** Deletes what matches. Resolves also when nothing did. */
export async function deleteFlows(exec: Exec, filter: FlowFilter): Promise<void> {
  const flags: readonly (readonly [string, string | number | undefined])[] = [
    ['-p', filter.protocol],
    ['-s', filter.originalSource],
    ['-d', filter.originalDestination],
    ['--orig-port-dst', filter.originalDestinationPort],
    ['-r', filter.replySource],
    ['--reply-port-src', filter.replySourcePort],
  ];
  const words = flags.flatMap(([flag, value]) => (value === undefined ? [] : [flag, String(value)]));
  // It exits with 1 when nothing matched.
  await exec.run({ argv: ['conntrack', '-D', '-f', (filter.family ?? ipv4).name, ...words], okExitCodes: [0, 1] });
}
