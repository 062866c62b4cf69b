/** The pod network on a real kernel: two nodes, real packets, adoption, crashes, tear-down. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Node } from '../../src/api/types.gen.ts';
import type { RememberedPod } from '../../src/network/contract.ts';
import type { NodeNetworkOptions, PodIdentity } from '../../src/network/index.ts';
import { addresses, podCIDRs } from '../cases/ipv4.ts';
import { addressesOf, familyNames, gatewaysOf, type NodeName, type Party } from '../cases/world.ts';
import {
  eventually,
  giveIPv6,
  makeNodeLab,
  noRoot,
  startNetwork,
  type NodeLab,
  type Place,
  type RunningNetwork,
} from './node-lab.ts';
import { askFrom, serveIn, type Server } from './servers.ts';

async function startOn(
  place: Place,
  nodeName: NodeName,
  options: Partial<NodeNetworkOptions> = {},
  remembered: readonly RememberedPod[] = [],
): Promise<RunningNetwork> {
  // At its start it has read the rules already, for host ports.
  const running = await startNetwork(place, nodeName, options, remembered);
  const before = place.exec.commands.length;
  await eventually(`${nodeName} ready`, async () => running.network.ready);
  // A bridge that was adopted is ready at once; wait for the whole comparison too.
  await eventually('rules compared', async () => place.exec.commands.slice(before).includes('ip6tables-save'));
  await new Promise((resolve) => setTimeout(resolve, 200));
  return running;
}

const pod = (name: string, attempt = 0): PodIdentity => ({ namespace: 'default', name, uid: `uid-${name}`, attempt });

/** Everything the pod network can leave in a node's kernel, as text. */
async function traces({ exec }: Place): Promise<string> {
  const parts = [
    await exec.sh('ip -o link show'),
    await exec.sh('ls /run/netns'),
    await exec.sh('ip neigh show nud permanent'),
    await exec.sh('conntrack -L'),
    await exec.sh('conntrack -L -f ipv6'),
  ];
  return parts.join('');
}

const isWrite = (command: string): boolean =>
  !/^(ls |sysctl -e|ip6?tables-save|ip6?tables-restore --version|ipset save|nft .*list |ip .*-json)/.test(command);

let lab: NodeLab;
let a: RunningNetwork;
let b: RunningNetwork;
const servers: Server[] = [];

before(async () => {
  if (noRoot !== false) return;
  lab = await makeNodeLab();
  await giveIPv6(lab);
  a = await startOn(lab.nodeA, 'node-a');
  b = await startOn(lab.nodeB, 'node-b');
});

after(async () => {
  for (const one of [a, b]) one?.stop();
  for (const server of servers) await server.end();
  await lab?.end();
});

test('pods get the addresses of their node, the first first', { skip: noRoot }, async () => {
  const [a1, a2, b1] = [
    await a.network.setUp(pod('a1')),
    await a.network.setUp(pod('a2')),
    await b.network.setUp(pod('b1')),
  ];
  const both = (party: Party): string[] => Object.values(addressesOf[party]);
  assert.deepEqual([a1.ips, a2.ips, b1.ips], [both('a1'), both('a2'), both('b1')]);
  assert.match(a1.netns, /^\/run\/netns\/pw-[0-9a-f]{8}$/);
  servers.push(
    await serveIn(lab.nodeA, a1.netns, 'a1'),
    await serveIn(lab.nodeA, a2.netns, 'a2'),
    await serveIn(lab.nodeB, b1.netns, 'b1'),
    await serveIn(lab.outside, undefined, 'outside'),
    await serveIn(lab.nodeB, undefined, 'node-b'),
  );
});

test('pods see pods and nodes, and are seen, under their own address', { skip: noRoot }, async () => {
  const { netns } = await a.network.setUp(pod('a1'));
  for (const to of ['a2', 'b1', 'node-b'] as const) {
    for (const family of familyNames) {
      const [source, target] = [addressesOf.a1[family], addressesOf[to][family]];
      for (const [protocol, port] of [
        ['tcp', 8080],
        ['udp', 8053],
      ] as const) {
        assert.deepEqual(await askFrom(lab.nodeA, netns, protocol, target, port), [`${to} ${source}`]);
      }
      await lab.nodeA.exec.run({ argv: ['ping', '-c', '1', '-W', '2', target], netns });
    }
  }
});

test('outside the cluster a pod is seen as its node', { skip: noRoot }, async () => {
  const { netns } = await a.network.setUp(pod('a1'));
  for (const family of familyNames) {
    const seen = await askFrom(lab.nodeA, netns, 'tcp', addressesOf.outside[family], 8080);
    assert.deepEqual(seen, [`outside ${addressesOf['node-a'][family]}`]);
  }
});

test('who is not masqueraded for sees the pod itself', { skip: noRoot }, async () => {
  const { netns } = await a.network.setUp(pod('a1'));
  a.stop();
  a = await startOn(lab.nodeA, 'node-a', { nonMasqueradeCIDRs: ['192.168.77.200/29', 'fd00:99::/64'] });
  for (const tool of ['iptables', 'ip6tables'])
    await eventually('written', async () => (await lab.nodeA.exec.sh(`${tool}-save -t nat`)).includes('as asked for'));
  for (const family of familyNames) {
    const podCIDR = family === 'ipv4' ? '10.77.1.0/24' : 'fd00:77:1::/64';
    await lab.outside.exec.batch([`route add ${podCIDR} via ${addressesOf['node-a'][family]}`]);
    const seen = await askFrom(lab.nodeA, netns, 'tcp', addressesOf.outside[family], 8080);
    assert.deepEqual(seen, [`outside ${addressesOf.a1[family]}`]);
    await lab.outside.exec.batch([`route delete ${podCIDR}`]);
  }
  a.stop();
  a = await startOn(lab.nodeA, 'node-a');
  for (const tool of ['iptables', 'ip6tables'])
    await eventually('gone', async () => !(await lab.nodeA.exec.sh(`${tool}-save -t nat`)).includes('as asked for'));
});

test('a node reaches its pods and those of others', { skip: noRoot }, async () => {
  for (const family of familyNames) {
    const ask = (to: Party) => askFrom(lab.nodeA, undefined, 'tcp', addressesOf[to][family], 8080);
    assert.deepEqual(await ask('a1'), [`a1 ${gatewaysOf['node-a'][family]}`]);
    assert.deepEqual(await ask('b1'), [`b1 ${addressesOf['node-a'][family]}`]);
  }
});

test('no pod is a router for another, and none waits for its IPv6 address', { skip: noRoot }, async () => {
  const { netns } = await a.network.setUp(pod('a1'));
  const inside = (argv: [string, ...string[]]) => lab.nodeA.exec.run({ argv, netns }).then(({ stdout }) => stdout);
  const names = ['accept_ra', 'accept_redirects', 'accept_dad'].map((name) => `net.ipv6.conf.eth0.${name}`);
  assert.equal(await inside(['sysctl', '-n', ...names]), '0\n0\n0\n');
  assert.doesNotMatch(await inside(['ip', '-6', 'address', 'show', 'dev', 'eth0']), /tentative/);
  const { nodeA } = lab;
  assert.equal(await nodeA.exec.sh('sysctl -n net.ipv6.conf.pw0.accept_ra'), '0\n');
  assert.equal(
    await nodeA.exec.sh('sysctl -n net.ipv6.conf.eth0.accept_ra'),
    '2\n',
    'a router may still give the node its route',
  );
});

test('setting up twice writes nothing', { skip: noRoot }, async () => {
  const before = lab.nodeA.exec.commands.length;
  const again = await a.network.setUp(pod('a1'));
  assert.deepEqual(again.ips, Object.values(addressesOf.a1));
  assert.deepEqual(lab.nodeA.exec.commands.slice(before), []);
});

test('an agent started again adopts what is there and writes nothing', { skip: noRoot }, async () => {
  a.stop();
  const before = lab.nodeA.exec.commands.length;
  a = await startOn(lab.nodeA, 'node-a');
  assert.deepEqual(lab.nodeA.exec.commands.slice(before).filter(isWrite), []);
  const next = await a.network.setUp(pod('a3'));
  assert.deepEqual(next.ips, ['10.77.1.4', 'fd00:77:1::4'], 'no address twice');
  await a.network.tearDown(pod('a3'));
});

test('routes follow the nodes within a second, and foreign routes stay', { skip: noRoot }, async () => {
  await lab.nodeA.exec.sh('ip route add 10.99.0.0/24 via 192.168.77.200');
  const third: Node = {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'node-c' },
    spec: { podCIDR: '10.77.3.0/24' },
    status: { addresses: [{ type: 'InternalIP', address: '192.168.77.13' }] },
  };
  const routes = (): Promise<string> => lab.nodeA.exec.sh('ip route show proto 78');
  const nodes = a.informers.of<Node>('nodes');
  nodes.set(third);
  await eventually('route added', async () => (await routes()).includes('10.77.3.0/24 via 192.168.77.13'), 1000);
  nodes.set({ ...third, status: { addresses: [{ type: 'InternalIP', address: '192.168.77.14' }] } });
  await eventually('route changed', async () => (await routes()).includes('10.77.3.0/24 via 192.168.77.14'), 1000);
  nodes.delete('node-c');
  await eventually('route deleted', async () => !(await routes()).includes('10.77.3.0'), 1000);
  assert.match(await lab.nodeA.exec.sh('ip route'), /10\.99\.0\.0\/24/);
  assert.match(await routes(), new RegExp(`${podCIDRs['node-b']} via ${addresses['node-b']}`));
});

test('a crash in the middle of a set-up leaves something that the next start undoes', { skip: noRoot }, async () => {
  const whole = await traces(lab.nodeA);
  lab.nodeA.exec.interfere = ({ argv }) => (argv[1] === '-netns' ? new Error('killed here') : undefined);
  await assert.rejects(a.network.setUp(pod('half')), /killed here/);
  lab.nodeA.exec.interfere = undefined;
  const links = (text: string): string[] => text.match(/pw-?[0-9a-f]{8}/g)?.sort() ?? [];
  assert.deepEqual(links(await traces(lab.nodeA)), links(whole), 'a failure undoes itself');

  // What a power cut could leave: a namespace alone, and a link that has no alias yet.
  await lab.nodeA.exec.batch([
    'netns add pw-0123abcd',
    'netns add pw-89abcdef',
    'link add pw89abcdef type veth peer name eth0 netns pw-89abcdef',
    'link add pwfedcba98 type bridge',
  ]);
  a.stop();
  a = await startOn(lab.nodeA, 'node-a');
  const left = await traces(lab.nodeA);
  assert.doesNotMatch(left, /0123abcd|89abcdef/);
  assert.match(left, /pwfedcba98/, 'a link that is not ours stays');
  await lab.nodeA.exec.sh('ip link del pwfedcba98');
});

test('a link that somebody deletes comes back with the same address, and is reported', { skip: noRoot }, async () => {
  const { netns } = await a.network.setUp(pod('a1'));
  a.stop();
  a = await startOn(lab.nodeA, 'node-a', { auditIntervalMs: 100 });
  a.informers
    .of('pods')
    .set(...['a1', 'a2'].map((name) => ({ metadata: { namespace: 'default', name, uid: `uid-${name}` } })));
  await lab.nodeA.exec.sh(`ip link del pw${netns.slice(-8)}`);
  await lab.nodeA.exec.sh('iptables -t nat -F PW-NET-MASQ');
  await eventually('repaired', async () => a.events.seen.length >= 2);
  assert.match(
    a.events.seen.map(({ message }) => message).join('\n'),
    /PW-NET-MASQ[^]*of default\/a1|of default\/a1[^]*PW-NET-MASQ/,
  );
  assert.deepEqual(await askFrom(lab.nodeB, undefined, 'tcp', addresses.a1, 8080), [`a1 ${addresses['node-b']}`]);
  const before = a.events.seen.length;
  await new Promise((resolve) => setTimeout(resolve, 400));
  assert.equal(a.events.seen.length, before, 'once is enough');
  a.stop();
  a = await startOn(lab.nodeA, 'node-a');
});

test('a link that is deleted while no agent runs comes back with the same address', { skip: noRoot }, async () => {
  const { netns, ips } = await a.network.setUp(pod('a1'));
  a.stop();
  await lab.nodeA.exec.sh(`ip link del pw${netns.slice(-8)}`);
  a = await startOn(lab.nodeA, 'node-a', {}, [{ ...pod('a1'), ips, needs: {} }]);
  assert.deepEqual(
    a.events.seen.map(({ message }) => message),
    [`link pw${netns.slice(-8)} of default/a1 was gone and is there again`],
  );
  assert.deepEqual(await askFrom(lab.nodeB, undefined, 'tcp', addresses.a1, 8080), [`a1 ${addresses['node-b']}`]);
  assert.deepEqual((await a.network.setUp(pod('a1'))).ips, ips);
});

test('tear-down leaves nothing of the pod and may be repeated', { skip: noRoot }, async () => {
  for (const server of servers.splice(0)) await server.end();
  for (const [running, name] of [
    [a, 'a1'],
    [a, 'a2'],
    [b, 'b1'],
  ] as const)
    await running.network.tearDown(pod(name));
  await a.network.tearDown(pod('a1'));
  await a.network.tearDown(pod('never-there'));
  for (const [place, own] of [
    [lab.nodeA, /10\.77\.1\.[23]\b|fd00:77:1::[23]\b/],
    [lab.nodeB, /10\.77\.2\.2\b|fd00:77:2::2\b/],
  ] as const) {
    const left = await traces(place);
    assert.doesNotMatch(left, /pw-?[0-9a-f]{8}/);
    assert.doesNotMatch(left, own);
  }
  const next = await a.network.setUp(pod('later'));
  assert.notEqual(next.ips[0], addresses.a1, 'an address rests before it is used again');
  await a.network.tearDown(pod('later'));
});

test('a pod takes few spawns and little time', { skip: noRoot }, async (t) => {
  const times: number[] = [];
  for (let index = 0; index < 10; index += 1) {
    const before = lab.nodeA.exec.commands.length;
    const started = performance.now();
    await a.network.setUp(pod(`timed-${index}`));
    times.push(performance.now() - started);
    assert.equal(lab.nodeA.exec.commands.length - before, 2);
  }
  t.diagnostic(`set-up ms: ${times.map((ms) => ms.toFixed(1)).join(' ')}`);
  const started = performance.now();
  const together = Array.from({ length: 20 }, (_, index) => a.network.setUp(pod(`crowd-${index}`)));
  const ips = (await Promise.all(together)).map((status) => status.ips[0]);
  t.diagnostic(`20 at once: ${(performance.now() - started).toFixed(1)} ms`);
  assert.equal(new Set(ips).size, 20);
  const names = [
    ...Array.from({ length: 10 }, (_, i) => `timed-${i}`),
    ...Array.from({ length: 20 }, (_, i) => `crowd-${i}`),
  ];
  const down = performance.now();
  await Promise.all(names.map((name) => a.network.tearDown(pod(name))));
  t.diagnostic(`30 torn down at once: ${(performance.now() - down).toFixed(1)} ms`);
  assert.doesNotMatch(await traces(lab.nodeA), /pw-?[0-9a-f]{8}/);
});
