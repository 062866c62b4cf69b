import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { silentLogger } from '../../api/logger.ts';
import { leases, nodes } from '../../api/resources.ts';
import type { Node } from '../../api/types.gen.ts';
import { createFakeApi, type FakeApi } from '../testing/fake-api.ts';
import { createFakeImages } from '../testing/fake-runtime.ts';
import { keepNodeLease } from './lease.ts';
import { keepNode } from './node-keeper.ts';

let api: FakeApi;
let ending: AbortController;
let again: Node[];

beforeEach(() => {
  api = createFakeApi();
  ending = new AbortController();
  again = [];
});

afterEach(() => ending.abort());

const facts = {
  cpus: 2,
  memoryBytes: 2 ** 30,
  diskBytes: 2 ** 30,
  machineID: 'm',
  systemUUID: 's',
  bootID: 'b',
  kernelVersion: '6',
  osImage: 'Linux',
  architecture: 'amd64',
};

function keep(nodeIPs = ['10.0.0.1']): Promise<Node> {
  const { client, informers } = api;
  return keepNode({
    client,
    nodes: informers.informer(nodes),
    identity: { nodeName: 'node1', nodeIPs, port: 10250, maxPods: 110, runtimeVersion: 'x://1' },
    facts,
    images: createFakeImages(),
    network: { ready: true },
    isRuntimeReady: () => true,
    onReady: () => undefined,
    onRegisteredAgain: (node) => again.push(node),
    logger: silentLogger,
    signal: ending.signal,
  });
}

const here = (): Node | undefined => api.find(nodes, 'node1');
const remove = (): void => api.markDeleted(nodes, 'node1', 0);

async function until(what: string, check: () => boolean): Promise<void> {
  for (let turn = 0; turn < 1_000; turn += 1) {
    if (check()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.fail(`not seen: ${what}`);
}

test('a Node that somebody deletes is made again, with the pod CIDR that its pods have addresses of', async () => {
  const first = await keep();
  const cidr = { podCIDR: '10.45.3.0/24', podCIDRs: ['10.45.3.0/24'] };
  api.put(nodes, { ...first, spec: { ...first.spec, ...cidr } });
  await until('the CIDR seen', () => here()?.spec?.podCIDR !== undefined);
  remove();
  await until('another one', () => again.length === 1);
  assert.notEqual(here()?.metadata.uid, first.metadata.uid);
  assert.deepEqual(again[0]?.metadata.uid, here()?.metadata.uid);
  assert.deepEqual(here()?.spec, cidr);
  assert.equal(here()?.status?.conditions?.find(({ type }) => type === 'Ready')?.status, 'True');
});

test('who deletes it again and again waits longer each time', async () => {
  await keep();
  const times: number[] = [];
  for (const turn of [1, 2, 3]) {
    const began = performance.now();
    remove();
    await until(`registration ${turn}`, () => again.length === turn);
    times.push(performance.now() - began);
  }
  const [one = 0, two = 0, three = 0] = times;
  assert.ok(one >= 190 && two >= 390 && three >= 790, times.join(' '));
});

test('it is made again once the API is there again, and never while it is not known to be gone', async () => {
  await keep();
  remove();
  api.down = true;
  await new Promise((resolve) => setTimeout(resolve, 500));
  assert.equal(here(), undefined);
  api.down = false;
  await until('there', () => here() !== undefined);
});

test('somebody else made the next one: it is taken', async () => {
  const first = await keep();
  remove();
  api.put(nodes, { ...first, metadata: { name: 'node1', uid: 'of-somebody-else' }, status: {} });
  await until('taken', () => again.length === 1);
  assert.equal(here()?.metadata.uid, 'of-somebody-else');
  assert.equal(here()?.status?.conditions?.find(({ type }) => type === 'Ready')?.status, 'True');
});

test('the Lease belongs to the Node there is', async () => {
  let uid = 'first';
  const { client } = api;
  const { signal } = ending;
  const lease = keepNodeLease({
    client,
    nodeName: 'node1',
    nodeUid: () => uid,
    durationSeconds: 40,
    logger: silentLogger,
    signal,
  });
  const owner = (): string | undefined => api.find(leases, 'kube-node-lease/node1')?.metadata.ownerReferences?.[0]?.uid;
  await until('a lease', () => owner() === 'first');
  uid = 'second';
  lease.renew();
  await until('its owner', () => owner() === 'second');
});
