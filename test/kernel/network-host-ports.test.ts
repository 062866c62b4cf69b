/** Host ports on a real kernel: one number for several pods, both families, loopback, a pod that calls itself, restarts. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { NodeNetwork, PodIdentity } from '../../src/network/index.ts';
import { addressesOf, familyNames } from '../cases/world.ts';
import { eventually, giveIPv6, type FakeEvents, makeNodeLab, noRoot, startNetwork, type NodeLab } from './node-lab.ts';
import { askFrom, serveIn, type Server } from './servers.ts';

const node = addressesOf['node-a'];
const pod = (name: string): PodIdentity => ({ namespace: 'default', name, uid: `uid-${name}`, attempt: 0 });
const port = (hostIP: string, hostPort: number, containerPort = 8080, protocol = 'TCP') => ({
  hostIP,
  hostPort,
  containerPort,
  protocol,
});

let lab: NodeLab;
let network: NodeNetwork;
let events: FakeEvents;
let stop: () => void;
const servers: Server[] = [];
const places = new Map<string, string>();

async function start(auditIntervalMs?: number): Promise<void> {
  ({ network, events, stop } = await startNetwork(
    lab.nodeA,
    'node-a',
    auditIntervalMs === undefined ? {} : { auditIntervalMs },
  ));
  await eventually('ready', async () => network.ready);
}

/** TCP to a port of the node, as the outside sees it unless told. */
const ask = async (address: string, to: number, from = lab.outside, netns?: string): Promise<string | undefined> =>
  (await askFrom(from, netns, 'tcp', address, to))[0]?.split(' ')[0];

async function setUp(name: string, ...hostPorts: ReturnType<typeof port>[]): Promise<string> {
  const { netns } = await network.setUp(pod(name), { hostPorts });
  places.set(name, netns);
  servers.push(await serveIn(lab.nodeA, netns, name));
  return netns;
}

before(async () => {
  if (noRoot !== false) return;
  lab = await makeNodeLab();
  await giveIPv6(lab);
  await lab.nodeA.exec.batch(['address add 192.168.77.111/24 dev eth0']);
  await start();
});

after(async () => {
  stop?.();
  for (const server of servers) await server.end();
  await lab?.end();
});

test('one number: by address, by protocol, and everywhere else', { skip: noRoot }, async () => {
  await setUp('all', port('', 7000));
  await setUp('one', port(node.ipv4, 7000), port(node.ipv6, 7000));
  await setUp('datagrams', port('', 7000, 8053, 'UDP'));
  assert.equal(await ask(node.ipv4, 7000), 'one');
  assert.equal(await ask(node.ipv6, 7000), 'one');
  assert.equal(await ask('192.168.77.111', 7000), 'all');
  for (const family of familyNames) {
    const [answer] = await askFrom(lab.outside, undefined, 'udp', node[family], 7000);
    assert.equal(answer, `datagrams ${addressesOf.outside[family]}`, 'and it sees who called');
  }
});

test(
  'from the node, by its own addresses and by loopback; from pods, the pod itself too',
  { skip: noRoot },
  async () => {
    assert.equal(await ask(node.ipv4, 7000, lab.nodeA), 'one');
    assert.equal(await ask(node.ipv6, 7000, lab.nodeA), 'one');
    assert.equal(await ask('127.0.0.1', 7000, lab.nodeA), 'all');
    for (const from of ['one', 'all']) {
      for (const family of familyNames) {
        assert.equal(await ask(node[family], 7000, lab.nodeA, places.get(from)), 'one', `${from} by ${family}`);
      }
    }
  },
);

test('no pod reaches the loopback of its node', { skip: noRoot }, async () => {
  servers.push(await serveIn(lab.nodeA, undefined, 'node'));
  const netns = places.get('all') ?? '';
  // A pod that may change its routes can send there: its own loopback is looked up later than the way to the node.
  const inside = (...argv: [string, ...string[]]) => lab.nodeA.exec.run({ argv, netns });
  await inside('sysctl', '-qw', 'net.ipv4.conf.eth0.route_localnet=1');
  await inside('ip', 'route', 'add', 'default', 'via', '10.77.1.1', 'table', '7');
  await inside('ip', 'rule', 'add', 'pref', '50', 'to', '127.0.0.9', 'lookup', '7');
  await inside('ip', 'rule', 'add', 'pref', '100', 'lookup', 'local');
  await inside('ip', 'rule', 'delete', 'pref', '0');
  const before = await dropped();
  assert.notEqual(await ask('127.0.0.9', 8080, lab.nodeA, netns), 'node');
  assert.ok((await dropped()) > before, 'it came as far as the guard');
});

async function dropped(): Promise<number> {
  const text = await lab.nodeA.exec.sh('iptables -t filter -L PW-HOST-GUARD -v -x -n');
  return Number(/^\s*(\d+).*DROP/m.exec(text)?.[1] ?? 0);
}

test('an agent that starts anew writes nothing, and knows whose ports they are', { skip: noRoot }, async () => {
  stop();
  const before = lab.nodeA.exec.commands.length;
  await start();
  const written = lab.nodeA.exec.commands.slice(before).filter((line) => /tables-restore --noflush/.test(line));
  assert.deepEqual(written, []);
  await network.tearDown(pod('one'));
  assert.equal(await ask(node.ipv4, 7000), 'all', 'the next rule that fits');
  assert.equal(await ask(node.ipv6, 7000), 'all');
});

test('what somebody flushes is put back, and told', { skip: noRoot }, async () => {
  stop();
  await start(100);
  await lab.nodeA.exec.sh('iptables -t nat -F PW-HOST-PORTS');
  await eventually('put back', async () => (await ask(node.ipv4, 7000)) === 'all');
  await eventually('told', async () => events.seen.some(({ message }) => message.includes('PW-HOST-PORTS')));
  stop();
  await start();
});

test('the last one goes: no chain, no jump, no setting is left', { skip: noRoot }, async () => {
  for (const name of ['all', 'datagrams']) await network.tearDown(pod(name));
  for (const tool of ['iptables-save', 'ip6tables-save'])
    assert.doesNotMatch(await lab.nodeA.exec.sh(tool), /PW-HOST/, tool);
  assert.equal(await lab.nodeA.exec.sh('sysctl -n net.ipv4.conf.pw0.route_localnet'), '0\n');
  assert.notEqual(await ask(node.ipv4, 7000), 'all');
});
