/** Tries ways with real packets, from inside the network namespaces of pods and nodes. */
import { CommandError, type Exec } from '../../kernel/exec.ts';
import { readLinks } from '../../kernel/ip.ts';
import { parsePodAlias } from '../../network/names.ts';
import type { Party, Way } from './parties.ts';
import type { Finding } from './report.ts';

/** The arguments before a command that is to run inside a node. */
export type EnterNode = (node: string) => Promise<readonly string[]>;

const atOnce = 8;
const waitSeconds = 2;

/** In the order of the ways. Never rejects for one that fails: that is a finding. */
export async function probe(ways: readonly Way[], exec: Exec, enter: EnterNode): Promise<readonly Finding[]> {
  const places = await findPlaces(ways, exec, enter);
  const findings = new Map<Way, Finding>();
  const left = [...ways];
  const work = async (): Promise<void> => {
    for (let way = left.shift(); way !== undefined; way = left.shift()) {
      const place = places.get(way.from) ?? `${way.from.name} is not there`;
      const problem = typeof place === 'string' ? place : await tryOne(way, exec, place);
      findings.set(way, { ...way, problem });
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return ways.flatMap((way) => findings.get(way) ?? []);
}

interface NodeInside {
  readonly inside: readonly string[];
  /** Of its pods, by UID. */
  readonly namespaces: ReadonlyMap<string, string>;
}

/** The arguments that enter the namespace of each caller; or why that cannot be. */
async function findPlaces(
  ways: readonly Way[],
  exec: Exec,
  enter: EnterNode,
): Promise<ReadonlyMap<Party, readonly string[] | string>> {
  const callers = [...new Set(ways.map(({ from }) => from))];
  const nodes = [...new Set(callers.map(({ node = '' }) => node))];
  const found = nodes.map(async (node): Promise<[string, NodeInside | string]> => {
    try {
      const inside = await enter(node);
      return [node, { inside, namespaces: await podNamespaces(exec, inside) }];
    } catch (error) {
      return [node, error instanceof Error ? error.message : String(error)];
    }
  });
  const places = new Map(await Promise.all(found));
  return new Map(
    callers.map((party): [Party, readonly string[] | string] => {
      const place = places.get(party.node ?? '') ?? 'its node is not there';
      if (typeof place === 'string') return [party, place];
      if (party.kind === 'node') return [party, place.inside];
      const netns = place.namespaces.get(party.uid ?? '');
      if (netns === undefined) return [party, `node ${party.node} has no link of it`];
      return [party, [...place.inside, 'nsenter', `--net=/run/netns/${netns}`, '--']];
    }),
  );
}

/** By the UID of the pod, as the aliases of the links say; of several sandboxes the last. */
async function podNamespaces(exec: Exec, inside: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const there: Exec = {
    run: ({ argv, ...rest }) => exec.run({ ...rest, argv: [...inside, ...argv] as [string, ...string[]] }),
  };
  const links = (await readLinks(there)).flatMap(({ name, alias }) => {
    const mark = parsePodAlias(alias);
    return mark === undefined ? [] : [{ ...mark, netns: name.replace(/^pw/, 'pw-') }];
  });
  return new Map(links.sort((a, b) => a.attempt - b.attempt).map(({ uid, netns }) => [uid, netns]));
}

/** bash opens the connection: it is on every machine that the lab runs on, and says why it could not. */
function argvOf({ to, address }: Way): readonly string[] {
  if (to.port === undefined) return ['ping', '-n', '-c', '1', '-W', String(waitSeconds), address];
  return ['timeout', String(waitSeconds), 'bash', '-c', 'exec 3<> "/dev/tcp/$0/$1"', address, String(to.port)];
}

async function tryOne(way: Way, exec: Exec, place: readonly string[]): Promise<string | undefined> {
  const argv = [...place, ...argvOf(way)] as [string, ...string[]];
  try {
    const result = await exec.run({ argv, okExitCodes: [0, 1, 2, 124], timeoutMs: 10_000 });
    return result.exitCode === 0 ? undefined : problemOf(`${result.stdout}\n${result.stderr}`);
  } catch (error) {
    if (error instanceof CommandError) return error.message;
    throw error;
  }
}

const known = [
  /Connection refused/i,
  /No route to host/i,
  /Network is unreachable/i,
  /(?:Net|Network|Host|Destination) [\w ]*(?:Unreachable|Prohibited|Filtered)/i,
  /Packet filtered/i,
  /Time to live exceeded/i,
  /Frag needed[^\n]*/i,
] as const;

/** What ping, or bash, saw. */
export function problemOf(output: string): string {
  for (const pattern of known) {
    const found = pattern.exec(output)?.[0];
    if (found !== undefined) return found.toLowerCase();
  }
  return `no answer in ${waitSeconds} s`;
}
