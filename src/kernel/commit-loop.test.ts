import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '../api/logger.ts';
import { createCommitLoop } from './commit-loop.ts';
import { createGatherer } from './gather.ts';

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

test('the first change is committed at once, those during a commit together', async () => {
  let commits = 0;
  const abort = new AbortController();
  const commit = async (): Promise<void> => {
    commits += 1;
    await pause(30);
  };
  const loop = createCommitLoop({ name: 'test', commit, logger: silentLogger, signal: abort.signal });
  loop.request();
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(commits, 1);
  for (let index = 0; index < 10; index += 1) loop.request();
  await loop.settled();
  assert.equal(commits, 2);
  await loop.settled();
  abort.abort();
});

test('after a slow commit others wait, an urgent change does not', async () => {
  const begins: number[] = [];
  const abort = new AbortController();
  const commit = async (): Promise<void> => {
    begins.push(performance.now());
    await pause(200);
  };
  const loop = createCommitLoop({ name: 'test', commit, logger: silentLogger, signal: abort.signal });
  loop.request();
  await pause(220);
  loop.request();
  await pause(30);
  assert.equal(begins.length, 1);
  loop.request({ urgent: true });
  await pause(30);
  assert.equal(begins.length, 2);
  // One that comes during a commit has no pause before it either.
  loop.request({ urgent: true });
  await loop.settled();
  assert.equal(begins.length, 3);
  assert.ok((begins[2] ?? 0) - (begins[1] ?? 0) < 320, String(begins));
  abort.abort();
});

test('a commit that fails is tried again, and settles then', async () => {
  let tries = 0;
  const abort = new AbortController();
  const commit = async (): Promise<void> => {
    tries += 1;
    if (tries === 1) throw new Error('busy');
  };
  const loop = createCommitLoop({ name: 'test', commit, logger: silentLogger, signal: abort.signal });
  loop.request();
  await loop.settled();
  assert.equal(tries, 2);
  abort.abort();
});

test('gathered work: one run for what comes together, and a failure reaches only its own run', async () => {
  const runs: string[][] = [];
  const gather = createGatherer<string>(async (items) => {
    runs.push([...items]);
    await pause(5);
    if (items.includes('bad')) throw new Error('no');
  });
  const first = gather('a');
  const second = gather('b');
  await Promise.all([first, second]);
  const bad = assert.rejects(gather('bad'), /no/);
  await pause(1);
  await gather('c');
  await bad;
  assert.deepEqual(runs, [['a', 'b'], ['bad'], ['c']]);
});
