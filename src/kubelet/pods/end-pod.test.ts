import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, test } from 'node:test';
import { pods } from '../../api/resources.ts';
import { createNodeOnFakes, pod, type NodeOnFakes } from '../testing/node-on-fakes.ts';

let node: NodeOnFakes;

beforeEach(async () => {
  node = await createNodeOnFakes();
});

afterEach(() => node.close());

test('deletion: TERM with the grace, unready, everything gone, then the object', async () => {
  await node.start();
  node.runtime.slowToStop.set('main', 100);
  node.api.put(pods, pod('web', { terminationGracePeriodSeconds: 20 }));
  await node.until('ready', () => node.isReady('web'));
  node.api.markDeleted(pods, 'default/web', 20);
  await node.until('unready', () => !node.isReady('web'));
  assert.ok(node.find('web') !== undefined);
  await node.until('gone', () => node.find('web') === undefined);
  assert.deepEqual(node.runtime.calls.slice(2), ['kill web/main/0 20s', 'stop web/0', 'remove web/0']);
  assert.deepEqual(await node.runtime.listContainers(), []);
  await assert.rejects(readFile(node.dirs.hosts('uid-of-web')), /ENOENT/);
});

test('what a deleted pod ended with is in the API before its object goes', async () => {
  await node.start();
  const seen: (string | undefined)[] = [];
  node.api.put(pods, pod('web'));
  await node.until('ready', () => node.isReady('web'));
  node.api.informers.informer(pods).onChange(({ type, object }) => {
    const { terminated } = object.status?.containerStatuses?.[0]?.state ?? {};
    seen.push(`${type} ${terminated?.exitCode ?? '-'}`);
  });
  node.api.markDeleted(pods, 'default/web', 5);
  await node.until('gone', () => node.find('web') === undefined);
  assert.equal(seen.at(-1), 'deleted 143');
});

test('sidecars stop after the containers that they serve', async () => {
  await node.start();
  node.api.put(pods, pod('web', { initContainers: [{ name: 'proxy', image: 'busybox', restartPolicy: 'Always' }] }));
  await node.until('ready', () => node.isReady('web'));
  node.runtime.slowToStop.set('main', 50);
  node.api.markDeleted(pods, 'default/web', 9);
  await node.until('gone', () => node.find('web') === undefined);
  const kills = node.runtime.calls.filter((call) => call.startsWith('kill'));
  assert.deepEqual(
    kills.map((call) => call.split(' ')[1]),
    ['web/main/0', 'web/proxy/0'],
  );
});

test('a second, shorter grace is passed on', async () => {
  await node.start();
  node.runtime.slowToStop.set('main', 60_000);
  node.api.put(pods, pod('web'));
  await node.until('ready', () => node.isReady('web'));
  node.api.markDeleted(pods, 'default/web', 30);
  await node.until('node.told to stop', () => node.runtime.calls.includes('kill web/main/0 30s'));
  node.api.markDeleted(pods, 'default/web', 1);
  await node.until('gone', () => node.find('web') === undefined);
  assert.ok(node.runtime.calls.includes('kill web/main/0 1s'), node.runtime.calls.join());
});

test('a pod removed from the API by force is killed all the same', async () => {
  await node.start();
  node.api.put(pods, pod('web'));
  await node.until('ready', () => node.isReady('web'));
  node.api.markDeleted(pods, 'default/web', 0);
  await node.until('removed', () => node.runtime.calls.includes('remove web/0'));
});

test('a Job-like pod: Succeeded, its sandbox stopped, its container kept for the logs', async () => {
  await node.start();
  node.api.put(pods, pod('web', { restartPolicy: 'Never' }));
  await node.until('ready', () => node.isReady('web'));
  await writeFile(node.dirs.terminationLog('uid-of-web', 'main', 0), 'all done');
  node.runtime.exit('web', 'main', 0);
  await node.until(
    'succeeded',
    () => node.find('web')?.status?.phase === 'Succeeded' && node.runtime.calls.includes('stop web/0'),
  );
  assert.equal(node.main('web')?.state?.terminated?.message, 'all done');
  assert.equal(node.main('web')?.state?.terminated?.reason, 'Completed');
  assert.equal((await node.runtime.listContainers()).length, 1);
  assert.equal(node.find('web')?.status?.podIP, '10.1.0.1');
});

test('sandboxes of pods that the API does not know any more are taken away at start', async () => {
  await node.runtime.runPodSandbox({
    pod: { namespace: 'default', name: 'old', uid: 'uid-of-old', attempt: 0 },
    hostname: 'old',
    hostNetwork: false,
    labels: {},
    annotations: {},
  });
  await node.start();
  await node.until('removed', () => node.runtime.calls.includes('remove old/0'));
});
