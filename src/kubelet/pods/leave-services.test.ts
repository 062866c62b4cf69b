import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { endpointSlices, pods } from '../../api/resources.ts';
import type { Endpoint, EndpointSlice } from '../../api/types.gen.ts';
import { createNodeOnFakes, pod, type NodeOnFakes } from '../testing/node-on-fakes.ts';

/** The drain of the node on fakes. */
const drainMs = 50;
const told = 'kill web/main/0 10s';
let node: NodeOnFakes;

const endpoint = (
  conditions: Endpoint['conditions'] = { ready: true, serving: true, terminating: false },
): Endpoint => ({
  addresses: ['10.1.0.1'],
  conditions,
  nodeName: 'node1',
  targetRef: { kind: 'Pod', namespace: 'default', name: 'web', uid: 'uid-of-web' },
});
const leaving = { ready: false, serving: true, terminating: true };

function say(slice: string, ...endpoints: readonly Endpoint[]): void {
  const object: EndpointSlice = {
    metadata: { namespace: 'default', name: slice },
    addressType: 'IPv4',
    endpoints: [...endpoints],
  };
  node.api.put(endpointSlices, object);
}

/** Ms until the pod's container is told to stop. */
async function msUntilTold(): Promise<number> {
  const began = performance.now();
  await node.until('told to stop', () => node.runtime.calls.some((call) => call.startsWith('kill')));
  return performance.now() - began;
}

const isTold = (): boolean => node.runtime.calls.some((call) => call.startsWith('kill'));
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function startNode(drain = drainMs): Promise<void> {
  node = await createNodeOnFakes();
  node.drainMs = drain;
  await node.start();
  node.api.put(pods, pod('web', { terminationGracePeriodSeconds: 10 }));
  await node.until('ready', () => node.isReady('web'));
}

beforeEach(() => startNode());

afterEach(() => node.close());

test('a pod behind no Service is told to stop at once', async () => {
  await node.close();
  const minute = 60_000;
  await startNode(minute);
  say('of-others', { ...endpoint(), targetRef: { kind: 'Pod', uid: 'uid-of-another' } });
  node.api.markDeleted(pods, 'default/web', 10);
  assert.ok((await msUntilTold()) < minute);
  assert.ok(node.runtime.calls.includes(told));
});

test('told to stop when the drain after its slice said so is over; it is Ready until then', async () => {
  say('web', endpoint());
  node.api.markDeleted(pods, 'default/web', 10);
  await pause(80);
  assert.ok(!isTold(), 'no slice has said that it leaves');
  say('web', endpoint(leaving));
  const waited = await msUntilTold();
  assert.ok(waited >= drainMs - 2 && waited < 10 * drainMs, `${waited} ms`);
  assert.ok(node.runtime.calls.includes(told));
});

test('every slice that tells of it must say so', async () => {
  say('web', endpoint());
  say('web-too', endpoint());
  node.api.markDeleted(pods, 'default/web', 10);
  say('web');
  await pause(3 * drainMs);
  assert.ok(!isTold());
  say('web-too');
  await msUntilTold();
});

test('rules of its own node that still lead to it hold it back as well', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const asked: string[] = [];
  node.ownRules.endpointGone = (uid) => {
    asked.push(uid);
    return promise;
  };
  say('web', endpoint());
  node.api.markDeleted(pods, 'default/web', 10);
  say('web', endpoint(leaving));
  await pause(3 * drainMs);
  assert.deepEqual(asked, ['uid-of-web']);
  assert.ok(!isTold());
  resolve();
  await msUntilTold();
});

test('where the commit here was slow the other nodes have longer, but not for ever', async () => {
  node.ownRules.endpointGone = () => pause(2 * drainMs);
  say('web', endpoint());
  node.api.markDeleted(pods, 'default/web', 10);
  say('web', endpoint(leaving));
  const waited = await msUntilTold();
  assert.ok(waited >= 5.9 * drainMs && waited < 12 * drainMs, `${waited} ms`);
});

test('a commit that was slow a moment ago counts for the next pod, too', async () => {
  node.api.put(pods, pod('next', { terminationGracePeriodSeconds: 10 }));
  await node.until('ready', () => node.isReady('next'));
  const ofNext = { kind: 'Pod', namespace: 'default', name: 'next', uid: 'uid-of-next' };
  node.ownRules.endpointGone = () => pause(2 * drainMs);
  say('web', endpoint(), { ...endpoint(), targetRef: ofNext });
  node.api.markDeleted(pods, 'default/web', 10);
  say('web', endpoint(leaving), { ...endpoint(), targetRef: ofNext });
  await msUntilTold();
  node.ownRules.endpointGone = () => Promise.resolve();
  const began = performance.now();
  node.api.markDeleted(pods, 'default/next', 10);
  say('web', endpoint(leaving), { ...endpoint(leaving), targetRef: ofNext });
  await node.until('told to stop', () => node.runtime.calls.includes('kill next/main/0 10s'));
  const waited = performance.now() - began;
  assert.ok(waited >= 5.9 * drainMs, `${waited} ms`);
});

test('one that was not ready for long waits for nothing but its own node', async () => {
  say('web', endpoint({ ready: false, serving: false, terminating: false }));
  await pause(drainMs + 20);
  node.api.markDeleted(pods, 'default/web', 10);
  assert.ok((await msUntilTold()) < drainMs);
});

test('no word from anybody: half of a short grace, and the containers have the other half', async () => {
  say('web', endpoint());
  node.api.markDeleted(pods, 'default/web', 1);
  const waited = await msUntilTold();
  assert.ok(waited >= 450 && waited < 900, `${waited} ms`);
  assert.ok(node.runtime.calls.includes('kill web/main/0 1s'));
});

test('a second deletion with a shorter grace does not wait any longer', async () => {
  say('web', endpoint());
  node.api.markDeleted(pods, 'default/web', 10);
  await pause(20);
  node.api.markDeleted(pods, 'default/web', 4);
  assert.ok((await msUntilTold()) < 200);
});

test('by force: at once', async () => {
  say('web', endpoint());
  node.api.markDeleted(pods, 'default/web', 0);
  assert.ok((await msUntilTold()) < drainMs);
});

test('one that has ended by itself is not waited for', async () => {
  say('web', endpoint());
  node.api.markDeleted(pods, 'default/web', 10);
  await pause(20);
  node.runtime.exit('web', 'main', 0);
  await node.until('gone', () => node.find('web') === undefined);
  assert.ok(!isTold());
});
