/**
 * scripts/bench network: pod to pod on one node, between nodes by routes and by VXLAN, beside the same paths made by plain `ip` commands
 * (veth, bridge, route or vxlan; no rules). iperf3, one TCP stream, alternated pairs. Needs root.
 *
 *   PODWIRE_BENCH_PAIRS=10   of each path
 *   PODWIRE_BENCH_SECONDS=2  of each run
 */
import { execa } from 'execa';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { silentLogger } from '../src/api/logger.ts';
import type { Node } from '../src/api/types.gen.ts';
import { createNodeNetwork } from '../src/network/index.ts';
import { addresses, clusterCIDR, podCIDRs } from '../test/cases/ipv4.ts';
import { clusterNodes } from '../test/cases/world.ts';
import { eventually, FakeEvents, FakeInformers, makeNodeLab, type Place } from '../test/kernel/node-lab.ts';
import { ratioOf } from './ratio.ts';

const pairs = Number(process.env['PODWIRE_BENCH_PAIRS'] ?? '10');
const seconds = process.env['PODWIRE_BENCH_SECONDS'] ?? '2';

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
    const network = createNodeNetwork({
      exec: place.exec,
      nodeName,
      nodeIPs: [addresses[nodeName]],
      clusterCIDRs: [clusterCIDR],
      mode,
      informers,
      events: new FakeEvents(),
      logger: silentLogger,
      signal: abort.signal,
      // Nobody is to take away pods that no API knows.
      auditIntervalMs: 3_600_000,
    });
    await network.start();
    await eventually(`${nodeName} ready`, async () => network.ready, 20_000);
    for (const name of names) {
      const { netns, ips } = await network.setUp({ namespace: 'default', name, uid: `uid-${name}`, attempt: 0 });
      pods.push({ place, netns, ip: ips[0] ?? '' });
    }
  }
  // The first commit of all: routes, rules, forwarding entries.
  await sleep(2_000);
  return { pods: pods as unknown as World['pods'], end: async () => (abort.abort(), lab.end()) };
}

async function byHand(way: Way): Promise<World> {
  const lab = await makeNodeLab();
  const pods: Pod[] = [];
  for (const [place, own, other, names] of [
    [lab.nodeA, 'node-a', 'node-b', ['p1', 'p2']],
    [lab.nodeB, 'node-b', 'node-a', ['p1']],
  ] as const)
    pods.push(...(await nodeByHand(place, own, other, names, way)));
  return { pods: pods as unknown as World['pods'], end: () => lab.end() };
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
  const argv = from.place.argv(from.netns, ['iperf3', '-J', '-c', to.ip, '-t', seconds]);
  const { stdout } = await execa('nsenter', argv, { timeout: 60_000 });
  const told = JSON.parse(stdout) as { end: { sum_received: { bits_per_second: number } } };
  return told.end.sum_received.bits_per_second / 1e9;
}

const worlds: Record<string, World> = {};
const servers: ChildProcess[] = [];
const rows: string[] = [];
try {
  for (const way of ['routes', 'vxlan'] as const) {
    worlds[`podwire ${way}`] = await ours(way);
    worlds[`hand ${way}`] = await byHand(way);
  }
  for (const { pods } of Object.values(worlds)) servers.push(serve(pods[1]), serve(pods[2]));
  await sleep(500);
  for (const [path, way, to] of [
    ['one node', 'routes', 1],
    ['between nodes, routes', 'routes', 2],
    ['between nodes, VXLAN', 'vxlan', 2],
  ] as const) {
    const [mine, plain] = [worlds[`podwire ${way}`]?.pods, worlds[`hand ${way}`]?.pods];
    if (mine === undefined || plain === undefined) continue;
    await measure(mine[0], mine[to]);
    await measure(plain[0], plain[to]);
    const figures: [number, number][] = [];
    for (let pair = 0; pair < pairs; pair += 1) {
      const first = pair % 2 === 0;
      const before = first ? await measure(mine[0], mine[to]) : await measure(plain[0], plain[to]);
      const after = first ? await measure(plain[0], plain[to]) : await measure(mine[0], mine[to]);
      figures.push(first ? [before, after] : [after, before]);
    }
    const { a, b, ratio, low, high } = ratioOf(figures);
    const text = [a, b, ratio].map((value) => value.toFixed(2)).join(' | ');
    rows.push(`| ${path} | ${text} | ${low.toFixed(3)} to ${high.toFixed(3)} |`);
    console.log(rows.at(-1));
  }
} finally {
  for (const server of servers) {
    server.kill();
    if (server.exitCode === null && server.signalCode === null) await once(server, 'exit');
  }
  for (const world of Object.values(worlds)) await world.end();
}
console.log(
  ['| path | podwire, Gbit/s | by hand | ratio | 95 % interval |', '| --- | --- | --- | --- | --- |', ...rows].join(
    '\n',
  ),
);
