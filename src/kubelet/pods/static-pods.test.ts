import assert from 'node:assert/strict';
import { rm, writeFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { nodes, pods } from '../../api/resources.ts';
import type { Pod } from '../../api/types.gen.ts';
import { createNodeOnFakes, pod, type NodeOnFakes } from '../testing/node-on-fakes.ts';

let node: NodeOnFakes;
const name = 'web-node1';

beforeEach(async () => {
  node = await createNodeOnFakes();
  await mkdir(node.manifests);
});

afterEach(() => node.close());

const register = (uid = 'uid-of-node1'): unknown => node.api.put(nodes, { metadata: { name: 'node1', uid } });

async function put(image = 'busybox', grace = 0): Promise<void> {
  const spec = { terminationGracePeriodSeconds: grace, containers: [{ name: 'main', image }] };
  const manifest = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web' }, spec };
  await writeFile(join(node.manifests, 'web.json'), JSON.stringify(manifest));
}

const remove = (): Promise<void> => rm(join(node.manifests, 'web.json'));
const runs = (): number => node.runtime.calls.filter((call) => call.startsWith('start ')).length;
const hash = (found: Pod | undefined): string | undefined =>
  found?.metadata.annotations?.['kubernetes.io/config.mirror'];

test('a pod from a file runs, and its mirror tells how it is', async () => {
  register();
  await put();
  await node.start();
  await node.until('ready', () => node.isReady(name));
  const mirror = node.find(name);
  assert.equal(mirror?.status?.podIP, '10.1.0.1');
  assert.equal(mirror.metadata.ownerReferences?.[0]?.uid, 'uid-of-node1');
  assert.notEqual(mirror.metadata.uid, hash(mirror));
});

test('it runs while the API is away, and comes back when it ends; the mirror comes with the API', async () => {
  node.api.down = true;
  await put();
  await node.start();
  await node.until('it runs', () => runs() === 1);
  node.runtime.exit(name, 'main', 1);
  await node.until('it runs again', () => runs() === 2);
  node.api.down = false;
  register();
  await node.until('a mirror that tells of the restart', () => node.main(name)?.restartCount === 1);
});

test('a deleted mirror comes back, and the pod goes on', async () => {
  register();
  await put();
  await node.start();
  await node.until('ready', () => node.isReady(name));
  const first = node.find(name)?.metadata.uid;
  node.api.markDeleted(pods, `default/${name}`, 30);
  await node.until('another mirror, with its status', () => {
    return node.find(name)?.metadata.uid !== first && node.isReady(name);
  });
  node.api.markDeleted(pods, `default/${name}`, 0);
  await node.until('a third', () => node.isReady(name));
  assert.equal(runs(), 1);
});

test('another Node object: the mirror belongs to that one', async () => {
  register();
  await put();
  await node.start();
  await node.until('ready', () => node.isReady(name));
  register('uid-of-another');
  await node.until(
    'its mirror',
    () => node.find(name)?.metadata.ownerReferences?.[0]?.uid === 'uid-of-another' && node.isReady(name),
  );
  assert.equal(runs(), 1);
});

test('a file that changes: the old pod has ended before the new one begins, and the mirror follows', async () => {
  register();
  node.images.here.add('other');
  await put('busybox', 5);
  await node.start();
  await node.until('ready', () => node.isReady(name));
  const old = hash(node.find(name));
  await put('other', 5);
  await node.until('the new one', () => hash(node.find(name)) !== old && node.isReady(name));
  const calls = node.runtime.calls.map((call) => call.split(' ')[0]);
  assert.ok(calls.indexOf('remove') < calls.lastIndexOf('run'), calls.join(', '));
  assert.equal(calls.filter((verb) => verb === 'remove').length, 1);
});

test('a file that goes takes pod and mirror along, also when the agent was away', async () => {
  register();
  await put();
  await node.start();
  await node.until('ready', () => node.isReady(name));
  await remove();
  await node.until('both gone', () => node.find(name) === undefined);
  assert.deepEqual(await node.runtime.listPodSandboxes(), []);

  await put();
  await node.until('ready again', () => node.isReady(name));
  node.stopAgent();
  await remove();
  await node.start();
  await node.until('both gone', () => node.find(name) === undefined);
  await node.until('no sandbox', () => node.runtime.calls.filter((call) => call.startsWith('remove ')).length === 2);
});

test('the next agent takes the pod over', async () => {
  register();
  await put();
  await node.start();
  await node.until('ready', () => node.isReady(name));
  const { uid, resourceVersion } = node.find(name)?.metadata ?? {};
  node.stopAgent();
  const workers = await node.start();
  await node.until('known', () => workers.active().length === 1);
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(runs(), 1);
  assert.deepEqual([uid, resourceVersion], [node.find(name)?.metadata.uid, node.find(name)?.metadata.resourceVersion]);
});

test('a pod of the API that calls itself a mirror is none of ours, and one that calls itself static is an ordinary one', async () => {
  register();
  await node.start();
  const mirror = pod('false');
  mirror.metadata.annotations = { 'kubernetes.io/config.mirror': 'x' };
  node.api.put(pods, mirror);
  const plain = pod('plain');
  plain.metadata.annotations = { 'kubernetes.io/config.source': 'file' };
  node.api.put(pods, plain);
  await node.until('deleted', () => node.find('false') === undefined);
  await node.until('runs', () => node.isReady('plain'));
  node.stopAgent();
  await node.start();
  await node.until('looked at', () => node.isReady('plain'));
  assert.equal(runs(), 1);
  node.api.markDeleted(pods, 'default/plain', 1);
  await node.until('gone', () => node.find('plain') === undefined);
});
