/** Two nodes across from each other, on a wire that writes no checksums though it promises to. */
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { after, before, test } from 'node:test';
import { silentLogger } from '../../src/api/logger.ts';
import type { Node } from '../../src/api/types.gen.ts';
import { offloadProblem } from '../../src/cli/doctor/offload.ts';
import { hasChecksumOffload } from '../../src/kernel/checksum-offload.ts';
import { createNodeNetwork, type NodeNetwork } from '../../src/network/index.ts';
import { layBrokenWire } from './broken-wire.ts';
import { eventually, FakeEvents, FakeInformers, Place } from './node-lab.ts';
import { askFrom, serveIn } from './servers.ts';

const noRoot = process.getuid?.() === 0 ? false : 'needs root for network namespaces';

const ipOf = (index: number): string => `192.168.79.1${index}`;
const nodes = [1, 2].map((index): Node => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: `node-${index}`, uid: `uid-${index}` },
  spec: { podCIDR: `10.79.${index}.0/24`, podCIDRs: [`10.79.${index}.0/24`] },
  status: { addresses: [{ type: 'InternalIP', address: ipOf(index) }] },
}));

interface Running {
  readonly network: NodeNetwork;
  readonly events: FakeEvents;
  readonly stop: () => void;
}

let places: readonly [Place, Place];
let wire: ChildProcess | undefined;
const running: Running[] = [];

async function start(index: 1 | 2): Promise<Running> {
  const abort = new AbortController();
  const informers = new FakeInformers();
  const events = new FakeEvents();
  informers.of<Node>('nodes').set(...nodes);
  const network = createNodeNetwork({
    exec: places[index - 1]?.exec ?? assert.fail(),
    nodeName: `node-${index}`,
    nodeIPs: [ipOf(index)],
    clusterCIDRs: ['10.79.0.0/16'],
    mode: 'vxlan',
    informers,
    events,
    logger: silentLogger,
    signal: abort.signal,
    auditIntervalMs: 300,
  });
  await network.start();
  await eventually('ready', async () => network.ready);
  const started = { network, events, stop: () => abort.abort() };
  running.push(started);
  return started;
}

before(async () => {
  if (noRoot !== false) return;
  places = [await Place.make(), await Place.make()];
  wire = await layBrokenWire(...places);
  for (const [index, { exec }] of places.entries())
    await exec.batch([`address add ${ipOf(index + 1)}/24 dev eth0`, 'link set eth0 up']);
});

after(async () => {
  for (const { stop } of running) stop();
  wire?.kill();
  for (const place of places ?? []) await place.end();
});

test(
  'checksums that arrive wrong are written by the kernel from then on, and it is told',
  { skip: noRoot },
  async () => {
    const [one, two] = [await start(1), await start(2)];
    for (const { events } of [one, two])
      await eventually(
        'found',
        async () => events.seen.some(({ reason }) => reason === 'ChecksumOffloadBroken'),
        20_000,
      );
    assert.match(one.events.seen[0]?.message ?? '', /pwvx0 writes arrive wrong at node node-2/);
    for (const { exec } of places) assert.equal(await hasChecksumOffload(exec, 'pwvx0'), false);
    const seen = await offloadProblem(places[0].exec, one.events.seen[0]?.message);
    assert.match(seen?.what ?? '', /offload of pwvx0 is switched off.* arrive wrong at node node-2/);
    assert.match(seen?.remedy ?? '', /network of eth0/);
    const pods = await Promise.all(
      [one, two].map(({ network }, index) =>
        network.setUp({ namespace: 'default', name: `pod-${index}`, uid: `uid-pod-${index}`, attempt: 0 }),
      ),
    );
    const server = await serveIn(places[1], pods[1]?.netns, 'far');
    const answers = await askFrom(places[0], pods[0]?.netns, 'tcp', pods[1]?.ips[0] ?? '', 8080);
    assert.deepEqual(answers, [`far ${pods[0]?.ips[0]}`]);
    await server.end();
  },
);

test(
  'an agent started again finds all in order; a link that is made anew is tried anew',
  { skip: noRoot },
  async () => {
    running[0]?.stop();
    const { exec } = places[0];
    const before = exec.commands.length;
    const { events } = await start(1);
    const trials = (): number => exec.commands.slice(before).filter((text) => text.startsWith('perl')).length;
    await eventually('tried', async () => trials() > 0);
    await eventually(
      'audited',
      async () =>
        exec.commands.slice(before).filter((text) => text.includes('tc ') || text.includes('iptables-save')).length > 3,
      20_000,
    );
    assert.equal(trials(), 1);
    assert.deepEqual(events.seen, []);
    await exec.sh('ip link delete pwvx0');
    await eventually(
      'found again',
      async () => events.seen.some(({ reason }) => reason === 'ChecksumOffloadBroken'),
      20_000,
    );
  },
);
