/**
 * The pod network over two segments on a real kernel. The router between them knows nothing of pods and refuses what has another
 * source than its way back says (rp_filter, uRPF), as routers of data centres and clouds do.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { silentLogger } from '../../src/api/logger.ts';
import type { Node } from '../../src/api/types.gen.ts';
import type { PodNetworkMode } from '../../src/network/mode.ts';
import { createNodeNetwork, type NodeNetwork, type PodIdentity } from '../../src/network/index.ts';
import { eventually, FakeEvents, FakeInformers, Place } from './node-lab.ts';
import { askFrom, serveIn, type Server } from './servers.ts';

const noRoot = process.getuid?.() === 0 ? false : 'needs root for network namespaces';

/** A and C share a segment, B is across. */
const world = {
  'node-a': { segment: 71, ips: ['192.168.71.11', 'fd00:71::11'], podCIDRs: ['10.77.1.0/24', 'fd00:77:1::/64'] },
  'node-b': { segment: 72, ips: ['192.168.72.12', 'fd00:72::12'], podCIDRs: ['10.77.2.0/24', 'fd00:77:2::/64'] },
  'node-c': { segment: 71, ips: ['192.168.71.13', 'fd00:71::13'], podCIDRs: ['10.77.3.0/24', 'fd00:77:3::/64'] },
} as const;
type Name = keyof typeof world;
const names = Object.keys(world) as Name[];

const nodeObject = (name: string, ips: readonly string[], podCIDRs: readonly string[]): Node => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name, uid: `uid-${name}` },
  spec: { podCIDR: podCIDRs[0] ?? '', podCIDRs: [...podCIDRs] },
  status: { addresses: ips.map((address) => ({ type: 'InternalIP' as const, address })) },
});
const nodeObjects = names.map((name) => nodeObject(name, world[name].ips, world[name].podCIDRs));

interface Running {
  readonly network: NodeNetwork;
  readonly informers: FakeInformers;
  readonly events: FakeEvents;
  readonly stop: () => void;
}

let router: Place;
const places = new Map<Name, Place>();
const running = new Map<Name, Running>();
const netns = new Map<Name, string>();
const servers: Server[] = [];

const place = (name: Name): Place => places.get(name) ?? assert.fail(name);
const run = (name: Name): Running => running.get(name) ?? assert.fail(name);
const inPod = (name: Name): string => netns.get(name) ?? assert.fail(name);
const podOf = (name: Name): PodIdentity => ({ namespace: 'default', name, uid: `uid-pod-${name}`, attempt: 0 });
/** The first pod of a node: 10.77.N.2, fd00:77:N::2. */
const podIPs = (name: Name): string[] =>
  world[name].podCIDRs.map((cidr) => cidr.replace(/(\.0|::)\/\d+$/, (_, end) => (end === '::' ? '::2' : '.2')));
const gatewayOf = (name: Name, v6: boolean): string => podIPs(name)[v6 ? 1 : 0]?.replace(/2$/, '1') ?? '';

async function start(name: Name, mode: PodNetworkMode, auditIntervalMs = 3_600_000): Promise<void> {
  running.get(name)?.stop();
  const informers = new FakeInformers();
  const events = new FakeEvents();
  const abort = new AbortController();
  informers.of<Node>('nodes').set(...nodeObjects);
  const { exec } = place(name);
  const network = createNodeNetwork({
    exec,
    nodeName: name,
    nodeIPs: world[name].ips,
    clusterCIDRs: ['10.77.0.0/16', 'fd00:77::/32'],
    mode,
    informers,
    events,
    logger: silentLogger,
    signal: abort.signal,
    auditIntervalMs,
  });
  await network.start();
  // At its start it has read the rules already, for host ports.
  const before = exec.commands.length;
  await eventually(`${name} ready`, async () => network.ready);
  await eventually('rules compared', async () => exec.commands.slice(before).includes('ip6tables-save'));
  await new Promise((resolve) => setTimeout(resolve, 200));
  running.set(name, { network, informers, events, stop: () => abort.abort() });
}

async function attach(name: Name): Promise<void> {
  const node = place(name);
  const { segment, ips } = world[name];
  await router.exec.batch([
    `link add ${name} type veth peer name eth0 netns ${node.pid}`,
    `link set ${name} master sw${segment} up`,
  ]);
  await node.exec.batch([
    `address add ${ips[0]}/24 dev eth0`,
    `address add ${ips[1]}/64 dev eth0 nodad`,
    'link set eth0 up',
    `route add default via 192.168.${segment}.1`,
    `route add default via fd00:${segment}::1`,
  ]);
}

before(async () => {
  if (noRoot !== false) return;
  router = await Place.make();
  for (const segment of [71, 72])
    await router.exec.batch([
      `link add sw${segment} type bridge`,
      `address add 192.168.${segment}.1/24 dev sw${segment}`,
      `address add fd00:${segment}::1/64 dev sw${segment} nodad`,
      `link set sw${segment} up`,
    ]);
  const settings = ['net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1', 'net.ipv4.conf.all.rp_filter=1'];
  await router.exec.run({ argv: ['sysctl', '-q', '-w', ...settings] });
  for (const name of names) {
    places.set(name, await Place.make());
    await attach(name);
  }
});

after(async () => {
  for (const one of running.values()) one.stop();
  for (const server of servers) await server.end();
  for (const one of places.values()) await one.end();
  await router?.end();
});

const links = async (name: Name): Promise<string> => place(name).exec.sh('ip -o link show');
const forwarding = async (name: Name): Promise<string> => place(name).exec.sh('bridge fdb show dev pwvx0');

test('plain routes end at the segment, and the node says so', { skip: noRoot }, async () => {
  for (const name of names) await start(name, 'routes');
  const told = run('node-a')
    .events.seen.map(({ message }) => message)
    .join('\n');
  assert.match(told, /cannot set "route add 10\.77\.2\.0\/24 via 192\.168\.72\.12 proto 78"/);
  assert.doesNotMatch(told, /10\.77\.3\.0/);
  assert.doesNotMatch(await links('node-a'), /pwvx0/);
});

test('auto: a route to the neighbour, the tunnel to who is across', { skip: noRoot }, async () => {
  for (const name of names) {
    await start(name, 'auto');
    assert.deepEqual(run(name).events.seen, []);
    const { netns: path, ips } = await run(name).network.setUp(podOf(name));
    assert.deepEqual(ips, podIPs(name));
    netns.set(name, path);
    servers.push(await serveIn(place(name), path, `pod-${name}`), await serveIn(place(name), undefined, name));
  }
  const routes = await place('node-a').exec.sh('ip route show proto 78');
  assert.match(routes, /10\.77\.3\.0\/24 via 192\.168\.71\.13 dev eth0/);
  assert.match(routes, /10\.77\.2\.0\/24 via 10\.77\.2\.1 dev pwvx0 onlink/);
  assert.match(await links('node-a'), /pwvx0: .* mtu 1450 .*\n/);
});

test('pods reach pods of every node under their own address, in both families', { skip: noRoot }, async () => {
  for (const from of names)
    for (const to of names.filter((name) => name !== from))
      for (const [index, address] of podIPs(to).entries())
        for (const [protocol, port] of [
          ['tcp', 8080],
          ['udp', 8053],
        ] as const) {
          const answer = await askFrom(place(from), inPod(from), protocol, address, port);
          assert.deepEqual(answer, [`pod-${to} ${podIPs(from)[index]}`], `${from} to ${to}`);
        }
});

test(
  'nodes and pods across meet, each with an address that is answered by the same way',
  { skip: noRoot },
  async () => {
    for (const v6 of [false, true]) {
      const at = v6 ? 1 : 0;
      const toPod = await askFrom(place('node-a'), undefined, 'tcp', podIPs('node-b')[at] ?? '', 8080);
      assert.deepEqual(toPod, [`pod-node-b ${gatewayOf('node-a', v6)}`], 'a node calls from the gateway of its pods');
      const toNode = await askFrom(place('node-a'), inPod('node-a'), 'tcp', world['node-b'].ips[at], 8080);
      assert.deepEqual(toNode, [`node-b ${world['node-a'].ips[at]}`], 'a pod is seen as its node');
      const near = await askFrom(place('node-a'), inPod('node-a'), 'tcp', world['node-c'].ips[at], 8080);
      assert.deepEqual(near, [`node-c ${podIPs('node-a')[at]}`], 'on its own segment as itself');
    }
  },
);

test('what a node sends under its own address to a pod across is answered too', { skip: noRoot }, async () => {
  // As to a Service: the source is chosen for an address that is then translated.
  const exec = place('node-a').exec;
  const rule = '-d 192.0.2.7/32 -p tcp --dport 80 -j DNAT --to-destination 10.77.2.2:8080';
  await exec.sh(`iptables -t nat -A OUTPUT ${rule}`);
  assert.deepEqual(await askFrom(place('node-a'), undefined, 'tcp', '192.0.2.7', 80), ['pod-node-b 10.77.1.1']);
  await exec.sh(`iptables -t nat -D OUTPUT ${rule}`);
});

test('packets of the whole MTU pass, larger ones in pieces', { skip: noRoot }, async () => {
  const ping = async (...words: string[]) =>
    place('node-a').exec.run({
      argv: ['ping', '-c', '1', '-W', '2', ...words],
      netns: inPod('node-a'),
      okExitCodes: [0, 1],
    });
  assert.equal((await ping('-M', 'do', '-s', '1422', '10.77.2.2')).exitCode, 0, '1422 + 28 = 1450');
  assert.equal((await ping('-M', 'do', '-s', '1423', '10.77.2.2')).exitCode, 1);
  assert.equal((await ping('-s', '8000', '10.77.2.2')).exitCode, 0);
  assert.equal((await ping('-M', 'do', '-s', '1402', 'fd00:77:2::2')).exitCode, 0, '1402 + 48 = 1450');
  assert.equal((await ping('-s', '8000', 'fd00:77:2::2')).exitCode, 0);
});

test('an agent started again adopts all of it and writes nothing', { skip: noRoot }, async () => {
  const { exec } = place('node-a');
  const before = exec.commands.length;
  await start('node-a', 'auto');
  // By perl datagrams are sent: whether checksums arrive.
  const isWrite = (command: string): boolean =>
    !/^(ls |sysctl -e|ip6?tables-save|ip6?tables-restore --version|ipset save|nft .*list |(ip|bridge) .*-json|perl -e\s+use IO::Socket)/.test(
      command,
    );
  assert.deepEqual(
    exec.commands.slice(before).filter((command) => isWrite(command)),
    [],
  );
});

test('a node that comes, changes its address, comes near and goes is followed', { skip: noRoot }, async (t) => {
  const nodes = run('node-a').informers.of<Node>('nodes');
  const podCIDRs = ['10.77.4.0/24', 'fd00:77:4::/64'];
  const at = (ip: string): void => nodes.set(nodeObject('node-d', [ip, `fd00:${ip.split('.')[2]}::14`], podCIDRs));
  const mac = '0a:59:0a:4d:04:01';
  const routes = (): Promise<string> => place('node-a').exec.sh('ip route show proto 78');
  const times: string[] = [];
  const timed = async (what: string, change: () => void, holds: () => Promise<boolean>): Promise<void> => {
    const since = performance.now();
    change();
    // The promise is a second; on a busy machine that is measured, not demanded.
    await eventually(what, holds, 10_000);
    times.push(`${what} ${(performance.now() - since).toFixed(0)} ms`);
  };
  await timed(
    'comes',
    () => at('192.168.72.14'),
    async () => (await forwarding('node-a')).includes(`${mac} dst 192.168.72.14`),
  );
  assert.match(await routes(), /10\.77\.4\.0\/24 via 10\.77\.4\.1 dev pwvx0/);
  await timed(
    'moves',
    () => at('192.168.72.15'),
    async () => (await forwarding('node-a')).includes(`${mac} dst 192.168.72.15`),
  );
  assert.doesNotMatch(await forwarding('node-a'), /192\.168\.72\.14/);
  await timed(
    'comes near',
    () => at('192.168.71.15'),
    async () =>
      (await routes()).includes('10.77.4.0/24 via 192.168.71.15 dev eth0') &&
      !(await forwarding('node-a')).includes(mac),
  );
  await timed(
    'goes',
    () => nodes.delete('node-d'),
    async () => !(await routes()).includes('10.77.4.0'),
  );
  assert.doesNotMatch(await place('node-a').exec.sh('ip neigh show dev pwvx0'), /10\.77\.4\.1/);
  t.diagnostic(times.join(', '));
});

test('what somebody breaks is put back and reported', { skip: noRoot }, async () => {
  await start('node-a', 'auto', 200);
  const { exec } = place('node-a');
  const { events } = run('node-a');
  const broken: readonly (readonly [string, RegExp])[] = [
    [
      'bridge fdb del 0a:59:0a:4d:02:01 dev pwvx0 dst 192.168.72.12',
      /set forwarding entry 0a:59:0a:4d:02:01 to 192\.168\.72\.12: node node-b/,
    ],
    [
      'bridge fdb append 00:00:00:00:00:00 dev pwvx0 dst 192.168.71.99',
      /delete forwarding entry 00:00:00:00:00:00 to 192\.168\.71\.99/,
    ],
    ['ip neigh del 10.77.2.1 dev pwvx0', /set neighbour 10\.77\.2\.1: pods of node node-b/],
    ['iptables -t mangle -F PW-NET-VXLAN', /rewrite mangle PW-NET-VXLAN: who may speak VXLAN/],
    ['ip link del pwvx0', /add link pwvx0: nodes beyond this segment/],
  ];
  for (const [command, told] of broken) {
    await exec.sh(command);
    const isTold = async (): Promise<boolean> => events.seen.some(({ message }) => told.test(message));
    await eventually(command, isTold, 10_000);
    assert.deepEqual(await askFrom(place('node-a'), inPod('node-a'), 'tcp', '10.77.2.2', 8080), [
      'pod-node-b 10.77.1.2',
    ]);
  }
  const before = exec.commands.length;
  await start('node-a', 'auto');
  // Its datagrams are frames, too, and the next test counts these.
  const isTried = (): boolean => exec.commands.slice(before).some((command) => command.startsWith('perl'));
  await eventually('checksums tried', async () => isTried() && exec.inFlight === 0, 30_000);
});

/** How many frames came out of the tunnel, and how many packets the rule dropped. */
async function heard(): Promise<{ frames: number; dropped: number; forged: number }> {
  const [stats] = JSON.parse(await place('node-b').exec.sh('ip -s -json link show pwvx0')) as [
    { stats64: { rx: { packets: number } } },
  ];
  const count = async (name: Name, chain: string): Promise<number> => {
    const rules = await place(name).exec.sh(`iptables -t mangle -vxnL ${chain}`);
    return Number(/^\s*(\d+)\s.*DROP/m.exec(rules)?.[1]);
  };
  return {
    frames: stats.stats64.rx.packets,
    dropped: await count('node-b', 'PW-NET-VXLAN'),
    forged: await count('node-a', 'PW-NET-VXLAN-FWD'),
  };
}

test('a stranger cannot send into the tunnel, nor can a pod by way of its node', { skip: noRoot }, async () => {
  const idle = await heard();
  // On the segment of B itself, with the number and the hardware address that everybody can know.
  await router.exec.batch([
    'link add vx type vxlan id 78 local 192.168.72.1 remote 192.168.72.12 dstport 4789',
    'address add 10.77.1.99/32 dev vx',
    'link set vx up',
    'neighbour add 10.77.2.1 lladdr 0a:59:0a:4d:02:01 dev vx nud permanent',
    'route add 10.77.2.0/24 via 10.77.2.1 dev vx onlink',
  ]);
  await router.exec.sh('ping -c 2 -W 1 -i 0.2 10.77.2.2', [1]);
  await router.exec.sh('ip link del vx');
  const stranger = await heard();
  assert.equal(stranger.frames, idle.frames, 'no frame of a stranger came out');
  assert.ok(stranger.dropped >= idle.dropped + 2);

  // Node A would masquerade the pod as itself, and B would believe it.
  const enter = { netns: inPod('node-a') };
  const { exec } = place('node-a');
  const lines = [
    'link add vx type vxlan id 78 local 10.77.1.2 remote 192.168.72.12 dstport 4789',
    'address add 10.77.9.9/32 dev vx',
    'link set vx up',
    'neighbour add 10.77.2.1 lladdr 0a:59:0a:4d:02:01 dev vx nud permanent',
    'route add 10.77.2.0/24 via 10.77.2.1 dev vx onlink',
  ];
  await exec.run({ argv: ['ip', '-batch', '-'], stdin: lines.join('\n'), ...enter });
  await exec.run({ argv: ['ping', '-c', '2', '-W', '1', '-i', '0.2', '10.77.2.2'], ...enter, okExitCodes: [1] });
  await exec.run({ argv: ['ip', 'link', 'del', 'vx'], ...enter });
  const pod = await heard();
  assert.equal(pod.frames, idle.frames, 'no frame of a pod came out');
  assert.ok(pod.forged >= idle.forged + 2);
});

test('vxlan: the neighbour by the tunnel as well', { skip: noRoot }, async () => {
  for (const name of names) await start(name, 'vxlan');
  assert.doesNotMatch(await place('node-a').exec.sh('ip route show proto 78'), /eth0/);
  for (const [index, address] of podIPs('node-c').entries())
    assert.deepEqual(await askFrom(place('node-a'), inPod('node-a'), 'tcp', address, 8080), [
      `pod-node-c ${podIPs('node-a')[index]}`,
    ]);
});

test('back to routes, nothing of the tunnel is left', { skip: noRoot }, async () => {
  await start('node-a', 'routes');
  assert.doesNotMatch(await links('node-a'), /pwvx0/);
  assert.doesNotMatch(await place('node-a').exec.sh('iptables-save'), /VXLAN|TUNNEL|4789/);
  assert.match(
    await place('node-a').exec.sh('ip route show proto 78'),
    /10\.77\.3\.0\/24 via 192\.168\.71\.13 dev eth0/,
  );
});
