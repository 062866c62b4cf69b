/**
 * scripts/bench network: pod to pod on one node, between nodes by routes and by VXLAN, beside the same paths made by plain `ip` commands
 * (veth, bridge, route or vxlan). iperf3, one TCP stream, alternated. Needs root.
 *
 * Links, MTU, offloads and queues are those of the kernel for all, and so is br_netfilter, which is on in a new namespace where the module is
 * loaded. By hand there are no rules, so no connection is tracked: no network of Kubernetes can be like that, since what a pod asks outside
 * must come back to it. `with masquerade` is the same path with what the simplest such network has: one rule that masquerades, two in FORWARD.
 * podwire is the whole of a node: pod network and Service proxy.
 *
 *   PODWIRE_BENCH_PAIRS=10   of each path
 *   PODWIRE_BENCH_SECONDS=2  of each run
 *   PODWIRE_BENCH_CONGESTION=cubic  instead of the machine's own: bbr paces itself, and carries less than the path does
 */
import { execa } from 'execa';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { silentLogger } from '../src/api/logger.ts';
import type { Node } from '../src/api/types.gen.ts';
import { createNodeNetwork } from '../src/network/index.ts';
import { startProxy } from '../src/proxy/index.ts';
import { addresses, clusterCIDR, podCIDRs } from '../test/cases/ipv4.ts';
import { clusterNodes } from '../test/cases/world.ts';
import { eventually, FakeEvents, FakeInformers, makeNodeLab, type Place } from '../test/kernel/node-lab.ts';
import { ratioOf } from './ratio.ts';

const pairs = Number(process.env['PODWIRE_BENCH_PAIRS'] ?? '10');
const seconds = process.env['PODWIRE_BENCH_SECONDS'] ?? '2';
const congestion = process.env['PODWIRE_BENCH_CONGESTION'];

type Way = 'routes' | 'vxlan';

/** A pod: where it is, its namespace there, its address. */
interface Pod {
  readonly place: Place;
  readonly netns: string;
  readonly ip: string;
}

/** Two pods on one node, one on the other. */
interface World {
  readonly pods: readonly [Pod, Pod, Pod];
  end(): Promise<void>;
}

async function ours(mode: Way): Promise<World> {
  const lab = await makeNodeLab();
  const abort = new AbortController();
  const pods = [];
  for (const [place, nodeName, names] of [
    [lab.nodeA, 'node-a', ['a1', 'a2']],
    [lab.nodeB, 'node-b', ['b1']],
  ] as const) {
    const informers = new FakeInformers();
    informers.of<Node>('nodes').set(...clusterNodes);
    // Nobody is to take away pods that no API knows.
    const { exec } = place;
    const { signal } = abort;
    const common = { exec, nodeName, informers, events: new FakeEvents(), logger: silentLogger, signal };
    const audits = { auditIntervalMs: 3_600_000 };
    const nodeIPs = [addresses[nodeName]];
    const network = createNodeNetwork({ ...common, ...audits, nodeIPs, clusterCIDRs: [clusterCIDR], mode });
    await network.start();
    await eventually(`${nodeName} ready`, async () => network.ready, 20_000);
    await startProxy({ ...common, ...audits, clusterCIDR });
    for (const name of names) {
      const { netns, ips } = await network.setUp({ namespace: 'default', name, uid: `uid-${name}`, attempt: 0 });
      pods.push({ place, netns, ip: ips[0] ?? '' });
    }
  }
  // The first commit of all: routes, rules, forwarding entries.
  await sleep(2_000);
  return { pods: pods as unknown as World['pods'], end: async () => (abort.abort(), lab.end()) };
}

async function byHand(way: Way, isTracked: boolean): Promise<World> {
  const lab = await makeNodeLab();
  const pods: Pod[] = [];
  for (const [place, own, other, names] of [
    [lab.nodeA, 'node-a', 'node-b', ['p1', 'p2']],
    [lab.nodeB, 'node-b', 'node-a', ['p1']],
  ] as const) {
    pods.push(...(await nodeByHand(place, own, other, names, way)));
    if (isTracked) await masqueradeByHand(place, own);
  }
  return { pods: pods as unknown as World['pods'], end: () => lab.end() };
}

async function masqueradeByHand({ exec }: Place, own: 'node-a' | 'node-b'): Promise<void> {
  await exec.sh(`iptables -t nat -A POSTROUTING -s ${podCIDRs[own]} ! -d ${clusterCIDR} -j MASQUERADE`);
  for (const end of ['-s', '-d']) await exec.sh(`iptables -A FORWARD ${end} ${clusterCIDR} -j ACCEPT`);
}

async function nodeByHand(
  place: Place,
  own: 'node-a' | 'node-b',
  other: 'node-a' | 'node-b',
  names: readonly string[],
  way: Way,
): Promise<Pod[]> {
  const base = podCIDRs[own].replace(/0\/24$/, '');
  const mtu = way === 'vxlan' ? 1450 : 1500;
  await place.exec.sh('sysctl -q -w net.ipv4.ip_forward=1');
  await place.exec.batch([`link add br0 mtu ${mtu} type bridge`, `address add ${base}1/24 dev br0`, 'link set br0 up']);
  const far = addresses[other];
  const tunnel = [
    `link add vx0 mtu ${mtu} type vxlan id 9 local ${addresses[own]} remote ${far} dstport 4789 nolearning`,
    'link set vx0 up',
    `route add ${podCIDRs[other]} dev vx0`,
    `address add ${base}0/32 dev vx0`,
  ];
  await place.exec.batch(way === 'vxlan' ? tunnel : [`route add ${podCIDRs[other]} via ${far}`]);
  // With no gateway in the route the tunnel would be asked for each pod: an answer of its own for all of them.
  if (way === 'vxlan') await place.exec.sh('sysctl -q -w net.ipv4.conf.vx0.proxy_arp=1');
  const pods: Pod[] = [];
  for (const [index, name] of names.entries()) {
    const ip = `${base}${index + 2}`;
    await place.exec.batch([
      `netns add ${name}`,
      `link add v-${name} mtu ${mtu} type veth peer name eth0 mtu ${mtu} netns ${name}`,
      `link set v-${name} master br0 up`,
    ]);
    const inside = [
      'link set lo up',
      `address add ${ip}/24 dev eth0`,
      'link set eth0 up',
      `route add default via ${base}1`,
    ];
    await place.exec.run({ argv: ['ip', '-netns', name, '-batch', '-'], stdin: inside.join('\n') });
    pods.push({ place, netns: `/run/netns/${name}`, ip });
  }
  return pods;
}

function serve({ place, netns }: Pod): ChildProcess {
  return spawn('nsenter', place.argv(netns, ['iperf3', '-s']), { stdio: 'ignore' });
}

/** Gbit/s of one run. */
async function measure(from: Pod, to: Pod): Promise<number> {
  const chosen = congestion === undefined ? [] : ['-C', congestion];
  const argv = from.place.argv(from.netns, ['iperf3', '-J', '-c', to.ip, '-t', seconds, ...chosen]);
  const { stdout } = await execa('nsenter', argv, { timeout: 60_000 });
  const told = JSON.parse(stdout) as { end: { sum_received: { bits_per_second: number } } };
  return told.end.sum_received.bits_per_second / 1e9;
}

const contenders = ['podwire', 'by hand', 'with masquerade'] as const;
type Contender = (typeof contenders)[number];

const makers: Record<Contender, (way: Way) => Promise<World>> = {
  podwire: ours,
  'by hand': (way) => byHand(way, false),
  'with masquerade': (way) => byHand(way, true),
};

/** One figure of each, each in its turn the first. */
async function measureRound(round: number, runs: Record<Contender, () => Promise<number>>) {
  const figures = {} as Record<Contender, number>;
  for (let turn = 0; turn < contenders.length; turn += 1) {
    const one = contenders[(round + turn) % contenders.length] ?? 'podwire';
    figures[one] = await runs[one]();
  }
  return figures;
}

function rowOf(path: string, rounds: readonly Record<Contender, number>[]): string {
  const against = (other: Contender) => ratioOf(rounds.map((round) => [round.podwire, round[other]]));
  const cells = (['by hand', 'with masquerade'] as const).map(against).flatMap(({ b, ratio, low, high }) => {
    const [middle, from, to] = [ratio, low, high].map((value) => value.toFixed(3));
    return [b.toFixed(2), `${middle} (${from} to ${to})`];
  });
  return `| ${path} | ${against('by hand').a.toFixed(2)} | ${cells.join(' | ')} |`;
}

const worlds: { way: Way; contender: Contender; world: World }[] = [];
const servers: ChildProcess[] = [];
const rows: string[] = [];
try {
  for (const way of ['routes', 'vxlan'] as const)
    for (const contender of contenders) worlds.push({ way, contender, world: await makers[contender](way) });
  for (const { world } of worlds) servers.push(serve(world.pods[1]), serve(world.pods[2]));
  await sleep(500);
  for (const [path, way, to] of [
    ['one node', 'routes', 1],
    ['between nodes, routes', 'routes', 2],
    ['between nodes, VXLAN', 'vxlan', 2],
  ] as const) {
    const runs = {} as Record<Contender, () => Promise<number>>;
    for (const { contender, world } of worlds.filter((one) => one.way === way))
      runs[contender] = () => measure(world.pods[0], world.pods[to]);
    await measureRound(0, runs);
    const rounds = [];
    for (let round = 0; round < pairs; round += 1) rounds.push(await measureRound(round, runs));
    rows.push(rowOf(path, rounds));
    console.log(rows.at(-1));
  }
} finally {
  for (const server of servers) {
    server.kill();
    if (server.exitCode === null && server.signalCode === null) await once(server, 'exit');
  }
  for (const { world } of worlds) await world.end();
}
const head = [
  'path',
  'podwire, Gbit/s',
  'by hand',
  'ratio (95 % interval)',
  'with masquerade',
  'ratio (95 % interval)',
];
console.log([`| ${head.join(' | ')} |`, `| ${head.map(() => '---').join(' | ')} |`, ...rows].join('\n'));
