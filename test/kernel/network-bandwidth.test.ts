/** Limits of a pod's bandwidth on a real kernel: what really passes each way, adoption, repair, tear-down. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { silentLogger } from '../../src/api/logger.ts';
import type { Node } from '../../src/api/types.gen.ts';
import { createNodeNetwork, type NodeNetwork } from '../../src/network/index.ts';
import { addressesOf, clusterCIDRs, clusterNodes } from '../cases/world.ts';
import { eventually, FakeEvents, FakeInformers, makeNodeLab, type NodeLab } from './node-lab.ts';

const noRoot = process.getuid?.() === 0 ? false : 'needs root for network namespaces';
const program = new URL('./throughput.ts', import.meta.url).pathname;
const limit = 5_000_000;
const pod = { namespace: 'default', name: 'limited', uid: 'uid-limited', attempt: 0 };

let lab: NodeLab;
let network: NodeNetwork;
let events: FakeEvents;
let stop: () => void = () => undefined;

async function start(auditIntervalMs = 3_600_000): Promise<void> {
  const abort = new AbortController();
  const informers = new FakeInformers();
  informers.of<Node>('nodes').set(...clusterNodes);
  informers.of('pods').set({ metadata: { namespace: 'default', name: pod.name, uid: pod.uid } });
  events = new FakeEvents();
  network = createNodeNetwork({
    exec: lab.nodeA.exec,
    nodeName: 'node-a',
    nodeIPs: Object.values(addressesOf['node-a']),
    clusterCIDRs: Object.values(clusterCIDRs),
    informers,
    events,
    logger: silentLogger,
    signal: abort.signal,
    auditIntervalMs,
  });
  stop = () => abort.abort();
  const commands = lab.nodeA.exec.commands.length;
  await network.start();
  await eventually('ready', async () => network.ready);
  await eventually('compared', async () => lab.nodeA.exec.commands.slice(commands).includes('ip6tables-save'));
}

/** Bits a second of 1.5 MB, which the limit lets pass in 2.4 s. */
async function throughput(from: string | undefined, to: string | undefined, host: string): Promise<number> {
  const run = (netns: string | undefined, ...args: string[]) =>
    spawn('nsenter', lab.nodeA.argv(netns, [process.execPath, program, ...args]), {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
  const receiver = run(to, 'receive', '9000');
  const lines = createInterface({ input: receiver.stdout });
  await once(lines, 'line');
  const told = once(lines, 'line');
  const sender = run(from, 'send', host, '9000', '1500000');
  await Promise.all([once(sender, 'exit'), once(receiver, 'exit')]);
  return Number((await told)[0]);
}

const qdiscs = (): Promise<string> => lab.nodeA.exec.sh('tc qdisc show');
const links = (): Promise<string> => lab.nodeA.exec.sh('ip -o link show');

before(async () => {
  if (noRoot !== false) return;
  lab = await makeNodeLab();
  await lab.nodeA.exec.batch([`address add ${addressesOf['node-a'].ipv6}/64 dev eth0 nodad`]);
  await start();
});

after(async () => {
  stop();
  await lab?.end();
});

test('what passes to a pod and from it is what was asked for', { skip: noRoot }, async (t) => {
  const { netns, ips } = await network.setUp(pod, { bandwidth: { ingress: limit, egress: limit } });
  const [to, from] = await Promise.all([
    throughput(undefined, netns, ips[0] ?? ''),
    throughput(netns, undefined, '10.77.1.1'),
  ]);
  t.diagnostic(`bits a second to the pod ${to}, from it ${from}`);
  for (const rate of [to, from]) assert.ok(rate > 2_000_000 && rate < 7_000_000, `${rate} bits a second`);
});

test('an agent started again knows the limits and writes nothing', { skip: noRoot }, async () => {
  stop();
  const before = lab.nodeA.exec.commands.length;
  await start(200);
  await eventually('audited', async () => lab.nodeA.exec.commands.slice(before).includes('tc -json -force -batch -'));
  await eventually(
    'again',
    async () => lab.nodeA.exec.commands.slice(before).filter((one) => one.startsWith('tc')).length > 2,
  );
  const writes = lab.nodeA.exec.commands.slice(before).filter((one) => /^(tc|ip) (?!-json|.*-json)/.test(one));
  assert.deepEqual(writes, []);
  assert.deepEqual(events.seen, []);
});

test('limits that somebody takes away come back, and are told of', { skip: noRoot }, async () => {
  const whole = await qdiscs();
  const link = network.attachments()[0]?.link ?? '';
  assert.equal(whole.match(/tbf 78: .*rate 5Mbit/g)?.length, 2);
  const breakings = [
    [`tc qdisc delete dev ${link} root`, /ingress-bandwidth/],
    [`tc qdisc delete dev ${link} clsact`, /filter of .*egress-bandwidth/],
    [`ip link delete ${link.replace('pw', 'pwi')}`, /egress-bandwidth/],
    [`ip link delete ${link}`, /was gone and is there again/],
  ] as const;
  for (const [command, told] of breakings) {
    events.seen.length = 0;
    await lab.nodeA.exec.sh(command);
    await eventually(`mended after ${command}`, async () => events.seen.some(({ message }) => told.test(message)));
    const sorted = (text: string): string[] =>
      text
        .replaceAll(/refcnt \d+ /g, '')
        .split('\n')
        .sort();
    assert.deepEqual(sorted(await qdiscs()), sorted(whole));
    assert.match(await lab.nodeA.exec.sh(`tc filter show dev ${link} ingress`), /Redirect to device pwi/);
  }
});

test('tear-down leaves no link that shapes, nor does a start after one was left', { skip: noRoot }, async () => {
  await network.tearDown(pod);
  assert.doesNotMatch(await links(), /pwi/);
  await network.setUp(pod, { bandwidth: { egress: limit } });
  const shaper = /pwi[0-9a-f]{8}/.exec(await links())?.[0];
  stop();
  await lab.nodeA.exec.sh(`ip link delete ${shaper?.replace('pwi', 'pw')}`);
  await lab.nodeA.exec.sh(`ip netns delete ${shaper?.replace('pwi', 'pw-')}`);
  await start();
  assert.doesNotMatch(await links(), /pwi/);
});
