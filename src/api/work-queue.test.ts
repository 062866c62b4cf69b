import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'node:test';
import { createLogger, silentLogger } from './logger.ts';
import { backoffMs, createWorkQueue } from './work-queue.ts';

/** Waits until `condition` holds; fails after two seconds. */
async function until(condition: () => boolean): Promise<void> {
  const end = Date.now() + 2000;
  while (!condition()) {
    assert.ok(Date.now() < end, 'timed out');
    await sleep(2);
  }
}

test('many asks before the start are one run; an ask during a run is one more', async () => {
  const stop = new AbortController();
  const runs: string[] = [];
  const gate = Promise.withResolvers<void>();
  const queue = createWorkQueue({
    name: 'test',
    logger: silentLogger,
    signal: stop.signal,
    reconcile: async (key) => {
      runs.push(key);
      if (runs.length === 1) await gate.promise;
    },
  });
  queue.add('a');
  queue.add('a');
  assert.deepEqual(runs, [], 'the worker does not run inside add');
  await until(() => runs.length === 1);
  queue.add('a');
  queue.add('a');
  assert.equal(queue.length, 0);
  gate.resolve();
  await until(() => runs.length === 2);
  await sleep(20);
  assert.deepEqual(runs, ['a', 'a']);
  stop.abort();
});

test('one key never runs twice at once; keys run side by side up to the limit', async () => {
  const stop = new AbortController();
  const running = new Map<string, number>();
  let most = 0;
  let done = 0;
  const queue = createWorkQueue({
    name: 'test',
    logger: silentLogger,
    concurrency: 3,
    signal: stop.signal,
    reconcile: async (key) => {
      const now = (running.get(key) ?? 0) + 1;
      assert.equal(now, 1);
      running.set(key, now);
      most = Math.max(
        most,
        [...running.values()].reduce((sum, each) => sum + each, 0),
      );
      await sleep(5);
      running.set(key, 0);
      done += 1;
    },
  });
  for (let round = 0; round < 3; round += 1) {
    for (let index = 0; index < 10; index += 1) queue.add(`key-${index}`);
    await sleep(1);
  }
  assert.ok(queue.length > 0);
  await until(() => done >= 10 && queue.length === 0);
  assert.equal(most, 3);
  stop.abort();
});

test('a failure is logged and tried again, and success forgets it', async () => {
  const stop = new AbortController();
  const lines: string[] = [];
  let runs = 0;
  const queue = createWorkQueue({
    name: 'pods',
    logger: createLogger((line) => lines.push(line)),
    signal: stop.signal,
    reconcile: async () => {
      runs += 1;
      if (runs <= 2) throw new Error('not yet');
    },
  });
  queue.add('default/a');
  await until(() => runs === 3);
  await sleep(50);
  assert.equal(runs, 3);
  assert.equal(lines.length, 2);
  assert.match(lines[0] ?? '', /ERROR reconcile failed queue=pods key=default\/a .*not yet.* failures=1 retryInMs=5/);
  assert.match(lines[1] ?? '', /failures=2 retryInMs=10/);
  stop.abort();
});

test('the back-off doubles from 5 ms to 60 s', () => {
  assert.deepEqual([1, 2, 3, 4].map(backoffMs), [5, 10, 20, 40]);
  assert.equal(backoffMs(14), 40_960);
  assert.equal(backoffMs(15), 60_000);
  assert.equal(backoffMs(10_000), 60_000);
});

test('a reconcile may ask to be called again, and the earliest of several asks counts', async () => {
  const stop = new AbortController();
  const times: number[] = [];
  const started = Date.now();
  const queue = createWorkQueue({
    name: 'test',
    logger: silentLogger,
    signal: stop.signal,
    reconcile: async () => {
      times.push(Date.now() - started);
      return times.length === 1 ? { requeueAfterMs: 30 } : undefined;
    },
  });
  queue.addAfter('a', 10_000);
  queue.addAfter('a', 20);
  queue.addAfter('a', 5_000);
  await until(() => times.length === 2);
  assert.ok((times[0] ?? 0) >= 15 && (times[0] ?? 0) < 1000, String(times));
  assert.ok((times[1] ?? 0) - (times[0] ?? 0) >= 25, String(times));
  stop.abort();
});

test('after the signal nothing starts and no timer is left', async () => {
  const stop = new AbortController();
  let runs = 0;
  const queue = createWorkQueue({
    name: 'test',
    logger: silentLogger,
    signal: stop.signal,
    reconcile: async () => {
      runs += 1;
    },
  });
  queue.addAfter('a', 10);
  stop.abort();
  queue.add('b');
  queue.addAfter('c', 1);
  await sleep(30);
  assert.equal(runs, 0);
  assert.equal(queue.length, 0);
});
