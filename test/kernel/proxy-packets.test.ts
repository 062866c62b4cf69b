/** The shared packet cases with real packets: two nodes whose networks and rules our own code made. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { silentLogger } from '../../src/api/logger.ts';
import type { EndpointSlice, Node, Service } from '../../src/api/types.gen.ts';
import { createNodeNetwork } from '../../src/network/index.ts';
import { startProxy } from '../../src/proxy/index.ts';
import {
  addresses,
  clusterCIDR,
  clusterNodes,
  clusterServices,
  clusterSlices,
  gateways,
  packetCases,
  type PacketCase,
  type Party,
} from '../cases/service-packets.ts';
import { eventually, FakeEvents, FakeInformers, makeNodeLab, type NodeLab, type Place } from './node-lab.ts';
import { askFrom, serveIn, type Server } from './servers.ts';

const noRoot = process.getuid?.() === 0 ? false : 'needs root for network namespaces';

let lab: NodeLab;
const informers = { 'node-a': new FakeInformers(), 'node-b': new FakeInformers() };
const events = new FakeEvents();
const servers: Server[] = [];
const where = new Map<Party, { place: Place; netns: string | undefined }>();
let abort = new AbortController();

const placeOf = (name: 'node-a' | 'node-b'): Place => (name === 'node-a' ? lab.nodeA : lab.nodeB);
const common = (name: 'node-a' | 'node-b') => ({
  exec: placeOf(name).exec,
  nodeName: name,
  clusterCIDR,
  informers: informers[name],
  events,
  logger: silentLogger,
});

async function startProxies(auditIntervalMs: number): Promise<void> {
  abort = new AbortController();
  const start = (name: 'node-a' | 'node-b'): Promise<void> =>
    startProxy({ ...common(name), signal: abort.signal, auditIntervalMs });
  await Promise.all([start('node-a'), start('node-b')]);
}

before(async () => {
  if (noRoot !== false) return;
  lab = await makeNodeLab();
  const forEver = new AbortController().signal;
  for (const name of ['node-a', 'node-b'] as const) {
    informers[name].of<Node>('nodes').set(...clusterNodes);
    informers[name].of<Service>('services').set(...clusterServices);
    informers[name].of<EndpointSlice>('endpointslices').set(...clusterSlices);
    const network = createNodeNetwork({
      ...common(name),
      nodeIP: addresses[name],
      signal: forEver,
      auditIntervalMs: 3_600_000,
    });
    await network.start();
    await eventually('network ready', async () => network.ready);
    for (const pod of (['a1', 'a2', 'b1'] as const).filter((one) => one.startsWith(name.slice(-1)))) {
      const status = await network.setUp({ namespace: 'default', name: pod, uid: `uid-${pod}`, attempt: 0 });
      assert.deepEqual(status.ips, [addresses[pod]]);
      where.set(pod, { place: placeOf(name), netns: status.netns });
    }
    where.set(name, { place: placeOf(name), netns: undefined });
  }
  where.set('outside', { place: lab.outside, netns: undefined });
  await lab.outside.exec.sh(`ip route add 192.168.77.250 via ${addresses['node-a']}`);
  for (const [name, { place, netns }] of where) servers.push(await serveIn(place, netns, name));
  await startProxies(3_600_000);
});

after(async () => {
  abort.abort();
  for (const server of servers) await server.end();
  await lab?.end();
});

function ask(from: Party, protocol: 'tcp' | 'udp', to: string, port: number, times: number): Promise<string[]> {
  const at = where.get(from);
  assert.ok(at);
  return askFrom(at.place, at.netns, protocol, to, port, times);
}

/** Whose address a server saw. */
function kindOf(source: string, { from, on }: PacketCase): string {
  const ofNode = [addresses[on], gateways[on]] as readonly string[];
  return source === addresses[from] ? 'own' : ofNode.includes(source) ? 'node' : source;
}

for (const one of packetCases) {
  test(`on the wire: ${one.name}`, { skip: noRoot }, async () => {
    const { from, protocol, to, port, expect } = one;
    if ('refused' in expect || 'dropped' in expect) {
      const wanted = 'refused' in expect ? 'ECONNREFUSED' : 'timeout';
      assert.deepEqual(await ask(from, protocol, to, port, 1), [wanted]);
      return;
    }
    // With three answerers 40 questions miss one in 3 of 10 million runs.
    const answers = await ask(from, protocol, to, port, expect.answers.length === 1 ? 4 : 40);
    const pairs = new Set(
      answers
        .map((text) => text.split(' ') as [string, string])
        .map(([who, source]) => {
          // A node's own packet has the node's address anyhow.
          const kind =
            from === one.on && source === addresses[from] && from.startsWith('node') ? 'node' : kindOf(source, one);
          return `${who} ${kind}`;
        }),
    );
    // A sender that is one of the answerers reaches itself as the node: another case.
    if (!expect.answers.includes(from)) pairs.delete(`${from} node`);
    assert.deepEqual(pairs, new Set(expect.answers.map((who) => `${who} ${expect.source}`)), answers.join(', '));
  });
}

test('no node sends redirects: they would use up what a refusal needs', { skip: noRoot }, async () => {
  for (const { exec } of [lab.nodeA, lab.nodeB]) {
    const counters = await exec.sh('nstat -a -s -z IcmpOutRedirects IcmpOutRateLimitHost');
    assert.match(counters, /IcmpOutRedirects +0 /);
    assert.match(counters, /IcmpOutRateLimitHost +0 /);
  }
});

test('what was written reads back as it was written: started again, nothing is written', { skip: noRoot }, async () => {
  abort.abort();
  const counts = [lab.nodeA, lab.nodeB].map(({ exec }) => exec.commands.length);
  await startProxies(3_600_000);
  for (const [index, { exec }] of [lab.nodeA, lab.nodeB].entries()) {
    const since = exec.commands.slice(counts[index]);
    assert.ok(since.includes('iptables-save'));
    assert.deepEqual(
      since.filter((command) => command.startsWith('iptables-restore --noflush')),
      [],
    );
    assert.deepEqual(
      since.filter((command) => command.startsWith('conntrack -D')),
      [],
    );
  }
});

test('every rule and chain that is ours says whom it is for', { skip: noRoot }, async () => {
  const saved = await lab.nodeA.exec.sh('iptables-save');
  const ours = saved.split('\n').filter((line) => line.startsWith('-A') && line.includes('PW-'));
  assert.ok(ours.length > 60);
  for (const line of ours) assert.match(line, /--comment/, line);
  for (const [, name = ''] of saved.matchAll(/^:(PW-\S+)/gm)) assert.ok(name.length <= 28, name);
});

test('one endpoint changed: one chain is sent, and packets follow at once', { skip: noRoot }, async () => {
  const slice = clusterSlices.find((one) => one.metadata.labels?.['kubernetes.io/service-name'] === 'web');
  assert.ok(slice);
  const before = lab.nodeA.exec.commands.length;
  const sent: string[] = [];
  lab.nodeA.exec.interfere = ({ argv, stdin }) => {
    if (argv[0] === 'iptables-restore') sent.push(stdin ?? '');
    return undefined;
  };
  informers['node-a'].of<EndpointSlice>('endpointslices').set({ ...slice, endpoints: slice.endpoints?.slice(0, 1) });
  await eventually('written', async () => sent.length > 0);
  lab.nodeA.exec.interfere = undefined;
  assert.deepEqual(
    [...(sent[0] ?? '').matchAll(/^:(\S+)/gm)].map(([, name]) => name?.replace(/-[0-9a-f]{8}-/, '-HASH-')),
    ['PW-SVC-HASH-web'],
  );
  assert.equal(lab.nodeA.exec.commands.length - before, 1, 'one spawn');
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.deepEqual(
    new Set(await ask('b1', 'tcp', addresses['node-a'], 30080, 10)),
    new Set([`a1 ${gateways['node-a']}`]),
  );
});

test('a datagram flow whose endpoint went is deleted, others stay', { skip: noRoot }, async () => {
  const slice = clusterSlices.find((one) => one.metadata.labels?.['kubernetes.io/service-name'] === 'names');
  assert.ok(slice);
  const slices = informers['node-a'].of<EndpointSlice>('endpointslices');
  slices.set(slice);
  await ask('a1', 'udp', '10.78.0.12', 53, 40);
  const flows = async (endpoint: Party): Promise<number> => {
    const argv = `conntrack -L -p udp -d 10.78.0.12 -r ${addresses[endpoint]}`;
    return (await lab.nodeA.exec.sh(argv)).split('\n').filter((line) => line.startsWith('udp')).length;
  };
  const [toA2, toB1] = [await flows('a2'), await flows('b1')];
  assert.ok(toA2 > 0 && toB1 > 0);
  slices.set({ ...slice, endpoints: slice.endpoints?.slice(0, 1) });
  await eventually('flows to b1 deleted', async () => (await flows('b1')) === 0);
  assert.equal(await flows('a2'), toA2, 'flows to an endpoint that stays are not touched');

  slices.set({ ...slice, endpoints: [] });
  await eventually('flows to a2 deleted', async () => (await flows('a2')) === 0);
  assert.deepEqual(await ask('a1', 'udp', '10.78.0.12', 53, 1), ['ECONNREFUSED']);
  slices.set(slice);
  await eventually(
    'served again',
    async () => (await ask('a1', 'udp', '10.78.0.12', 53, 1))[0]?.includes('10.77.1.2') ?? false,
  );
});

test('a Service that is deleted leaves no rule', { skip: noRoot }, async () => {
  informers['node-a'].of<Service>('services').delete('default/self');
  await eventually('gone', async () => !/default\/self/.test(await lab.nodeA.exec.sh('iptables-save')));
});

test('what somebody else breaks is put back and reported', { skip: noRoot }, async () => {
  abort.abort();
  await startProxies(100);
  const { exec } = lab.nodeB;
  await exec.sh('iptables -t nat -N FOREIGN');
  await exec.sh('iptables -t nat -F PW-SERVICES');
  await exec.sh('iptables -t nat -F OUTPUT');
  // An audit may come between the two: then it takes two Events.
  const told = (): string => events.seen.map(({ reason, message }) => `${reason} ${message}`).join('\n');
  const whole = ['ServiceRulesRepaired', 'rewrite nat PW-SERVICES', 'nat OUTPUT jump'];
  await eventually('repaired', async () => whole.every((text) => told().includes(text)));
  assert.deepEqual(await ask('node-b', 'tcp', '10.78.0.11', 80, 1), [`a1 ${addresses['node-b']}`]);
  assert.match(await exec.sh('iptables-save'), /FOREIGN/);
  const count = events.seen.length;
  await new Promise((resolve) => setTimeout(resolve, 500));
  assert.equal(events.seen.length, count, 'once is enough');
});
