import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'node:test';
import type { ApiClient, KubeObject, ObjectKey } from './client.ts';
import { apiError } from './errors.ts';
import { createEventRecorder } from './event-recorder.ts';
import { createLogger, silentLogger } from './logger.ts';
import type { Event } from './types.gen.ts';

/** Keeps what was written; `fail` is thrown by the next write. */
class FakeEvents {
  readonly created: Event[] = [];
  readonly patched: { key: ObjectKey; patch: unknown }[] = [];
  fail: Error | undefined;

  #mayFail(): void {
    const error = this.fail;
    this.fail = undefined;
    if (error !== undefined) throw error;
  }

  get client(): ApiClient {
    const create = async (_type: unknown, object: KubeObject): Promise<KubeObject> => {
      await sleep(1);
      this.#mayFail();
      this.created.push(object as Event);
      return object;
    };
    const patch = async (_type: unknown, key: ObjectKey, body: unknown): Promise<unknown> => {
      await sleep(1);
      this.#mayFail();
      this.patched.push({ key, patch: body });
      return {};
    };
    return { create, patch } as unknown as ApiClient;
  }
}

const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a', namespace: 'x', uid: 'u1', resourceVersion: '5' } };

test('an event says what happened to whom, and who says so', async () => {
  const fake = new FakeEvents();
  const recorder = createEventRecorder(fake.client, { component: 'kubelet', host: 'n1', logger: silentLogger });
  recorder.event(pod, 'Warning', 'BackOff', 'restarting');
  recorder.event({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'n1' } }, 'Normal', 'Ready', 'it is');
  await sleep(20);
  const [event, ofNode] = fake.created;
  assert.equal(fake.created.length, 2);
  assert.match(event?.metadata.name ?? '', /^a\.[0-9a-f]{16}$/);
  assert.match(event?.firstTimestamp ?? '', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  assert.deepEqual(
    { ...event, metadata: { namespace: event?.metadata.namespace }, firstTimestamp: '', lastTimestamp: '' },
    {
      metadata: { namespace: 'x' },
      involvedObject: { apiVersion: 'v1', kind: 'Pod', name: 'a', namespace: 'x', uid: 'u1', resourceVersion: '5' },
      type: 'Warning',
      reason: 'BackOff',
      message: 'restarting',
      count: 1,
      source: { component: 'kubelet', host: 'n1' },
      reportingComponent: 'kubelet',
      reportingInstance: 'n1',
      firstTimestamp: '',
      lastTimestamp: '',
    },
  );
  assert.equal(ofNode?.metadata.namespace, 'default', 'events of cluster-scoped objects live in default');
});

test('a repeat raises the count of the first; a burst is few writes', async () => {
  const fake = new FakeEvents();
  const recorder = createEventRecorder(fake.client, { component: 'kubelet', logger: silentLogger });
  for (let index = 0; index < 100; index += 1) recorder.event(pod, 'Warning', 'BackOff', 'restarting');
  recorder.event(pod, 'Warning', 'BackOff', 'another message');
  await sleep(30);
  assert.equal(fake.created.length, 2);
  assert.ok(fake.patched.length <= 1, String(fake.patched.length));
  recorder.event(pod, 'Warning', 'BackOff', 'restarting');
  await sleep(20);
  const last = fake.patched.at(-1);
  assert.equal((last?.patch as Event).count, 101);
  assert.deepEqual(last?.key, { namespace: 'x', name: fake.created[0]?.metadata.name });
});

test('an event that the server has let go is made anew', async () => {
  const fake = new FakeEvents();
  const recorder = createEventRecorder(fake.client, { component: 'kubelet', logger: silentLogger });
  recorder.event(pod, 'Normal', 'Pulled', 'image');
  await sleep(15);
  fake.fail = apiError({ code: 404, reason: 'NotFound', message: 'gone' });
  recorder.event(pod, 'Normal', 'Pulled', 'image');
  await sleep(15);
  assert.deepEqual(
    fake.created.map(({ count }) => count),
    [1, 2],
  );
});

test('a failed write is logged and forgotten, and never thrown', async () => {
  const lines: string[] = [];
  const fake = new FakeEvents();
  const recorder = createEventRecorder(fake.client, {
    component: 'kubelet',
    logger: createLogger((line) => lines.push(line)),
  });
  fake.fail = apiError({ code: 403, reason: 'Forbidden', message: 'the namespace is terminating' });
  recorder.event(pod, 'Normal', 'Killing', 'x'.repeat(5000));
  await sleep(15);
  assert.match(lines.join(''), /WARN an event was not written reason=Killing/);
  recorder.event(pod, 'Normal', 'Killing', 'x'.repeat(5000));
  await sleep(15);
  assert.equal(fake.created.length, 1);
  assert.equal(fake.created[0]?.message?.length, 1024);
});
