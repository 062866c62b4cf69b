import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { silentLogger as logger } from '../api/logger.ts';
import type { Exec } from './exec.ts';
import { createTouchWatch } from './touch-watch.ts';

/** A table `nat` made by port 0x30d, as the kernel sent it. */
const notice = Buffer.from(
  '38000000000a0004020000000d03000002000006080001006e61740008000300000000010c00040000000000000000020800020000000000',
  'hex',
);

/** Somebody who hears what is written to `kernel`. */
function listener(isOurs = false) {
  const kernel = new PassThrough();
  const exec: Exec = {
    run: () => Promise.reject(new Error('nothing is run')),
    start: () =>
      Promise.resolve({
        ...{ pid: 1, stdin: undefined, stdout: kernel, stderr: undefined },
        ended: new Promise<never>(() => undefined),
        resize: () => undefined,
        kill: () => undefined,
      }),
  };
  const abort = new AbortController();
  const tables = [{ family: 'ip', name: 'nat' }] as const;
  const watch = createTouchWatch({ exec, tables, logger, signal: abort.signal, isOurs: () => isOurs });
  return { kernel, watch, abort };
}

test('one who writes all the time has us read a tenth of the time, and what comes after that is read too', async () => {
  const { kernel, watch, abort } = listener();
  const readMs = 30;
  let reads = 0;
  let atOnce = 0;
  watch.start(async () => {
    reads += 1;
    atOnce += 1;
    assert.equal(atOnce, 1, 'never two at a time');
    watch.clear();
    await sleep(readMs);
    atOnce -= 1;
  });
  const began = performance.now();
  while (performance.now() - began < 1500) {
    kernel.write(notice);
    await sleep(2);
  }
  const most = Math.ceil((performance.now() - began) / (10 * readMs)) + 1;
  assert.ok(reads >= 2 && reads <= most, `${reads} reads, at most ${most} are right`);
  assert.equal(watch.isQuiet(), false);
  const before = reads;
  while (reads === before) await sleep(10);
  await sleep(readMs + 50);
  assert.equal(watch.isQuiet(), true);
  abort.abort();
});

test('what comes after a quiet while is read at once', async () => {
  const { kernel, watch, abort } = listener();
  let readAt = 0;
  watch.start(() => {
    watch.clear();
    readAt = performance.now();
  });
  while (readAt === 0) await sleep(5); // what was there before somebody listened
  await sleep(100);
  const touchedAt = performance.now();
  kernel.write(notice);
  while (readAt < touchedAt) await sleep(1);
  assert.ok(readAt - touchedAt < 500, `${readAt - touchedAt} ms`);
  abort.abort();
});

test('our own writes touch nothing', async () => {
  const { kernel, watch, abort } = listener(true);
  let reads = 0;
  watch.start(() => {
    reads += 1;
    watch.clear();
  });
  while (reads === 0) await sleep(5);
  for (let index = 0; index < 50; index += 1) kernel.write(notice);
  await sleep(100);
  assert.equal(reads, 1);
  assert.equal(watch.isQuiet(), true);
  abort.abort();
});
