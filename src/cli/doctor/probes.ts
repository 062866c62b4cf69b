/** Tries ways with real packets, from inside the network namespaces of pods and nodes. */
import { CommandError, type Exec } from '../../kernel/exec.ts';
import { readLinks } from '../../kernel/ip.ts';
import { parsePodAlias } from '../../network/names.ts';
import { portOf, type DatagramPort, type Party, type Way } from './parties.ts';
import type { Finding } from './report.ts';

/** The arguments before a command that is to run inside a node. */
export type EnterNode = (node: string) => Promise<readonly string[]>;

/** Programs run where these arguments lead. */
export function within(exec: Exec, inside: readonly string[]): Exec {
  return { run: ({ argv, ...rest }) => exec.run({ ...rest, argv: [...inside, ...argv] as [string, ...string[]] }) };
}

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
  const links = (await readLinks(within(exec, inside))).flatMap(({ name, alias }) => {
    const mark = parsePodAlias(alias);
    return mark === undefined ? [] : [{ ...mark, netns: name.replace(/^pw/, 'pw-') }];
  });
  return new Map(links.sort((a, b) => a.attempt - b.attempt).map(({ uid, netns }) => [uid, netns]));
}

/** Twice, a second each: who refuses datagrams does so about once a second for each caller. */
const sendDatagrams = [
  'exec 3<> "/dev/udp/$0/$1" || exit 1',
  'for try in 1 2; do',
  '  printf "$2" >&3 || exit 1',
  '  read -r -t "$3" -N 1 -u 3 && exit 0',
  '  [ $? -gt 128 ] || exit 1',
  'done',
  'exit 124',
].join('\n');

/** Of type A for kubernetes.default.svc.cluster.local, as a format of printf; the first byte of the answer is the first of the question. */
const question = [
  String.raw`po\1\0\0\1\0\0\0\0\0\0`,
  String.raw`\012kubernetes\007default\003svc\007cluster\005local\0\0\1\0\1`,
].join('');

/** bash opens the connection: it is on every machine that the lab runs on, and says why it could not. */
function argvOf(way: Way): readonly string[] {
  const { to, address, protocol } = way;
  if (protocol === 'ICMP') return ['ping', '-n', '-c', '1', '-W', String(waitSeconds), address];
  const port = String(portOf(way));
  if (protocol === 'TCP')
    return ['timeout', String(waitSeconds), 'bash', '-c', 'exec 3<> "/dev/tcp/$0/$1"', address, port];
  const { listener } = to.datagrams ?? {};
  const [payload, seconds] = [listener === 'DNS' ? question : String.raw`\n`, listener === 'somebody' ? '0.2' : '1'];
  return ['timeout', '5', 'bash', '-c', sendDatagrams, address, port, payload, seconds];
}

async function tryOne(way: Way, exec: Exec, place: readonly string[]): Promise<string | undefined> {
  const argv = [...place, ...argvOf(way)] as [string, ...string[]];
  try {
    const result = await exec.run({ argv, okExitCodes: [0, 1, 2, 124], timeoutMs: 10_000 });
    const output = `${result.stdout}\n${result.stderr}`;
    if (way.protocol === 'UDP') return datagramProblem(way.to.datagrams, result.exitCode === 0, output);
    return result.exitCode === 0 ? undefined : problemOf(output);
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

function findKnown(output: string): string | undefined {
  for (const pattern of known) {
    const found = pattern.exec(output)?.[0];
    if (found !== undefined) return found.toLowerCase();
  }
  return undefined;
}

/** What ping, or bash, saw. */
export function problemOf(output: string): string {
  return findKnown(output) ?? `no answer in ${waitSeconds} s`;
}

/** Where nobody listens a refusal is the proof; where somebody does who need not answer, silence is none of anything. */
export function datagramProblem(port: DatagramPort | undefined, answered: boolean, output: string): string | undefined {
  const seen = findKnown(output);
  if (answered || (port?.listener === 'nobody' && seen === 'connection refused')) return undefined;
  return port?.listener === 'somebody' ? seen : (seen ?? `no answer in ${waitSeconds} s`);
}
