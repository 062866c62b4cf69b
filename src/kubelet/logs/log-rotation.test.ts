import assert from 'node:assert/strict';
import { closeSync, openSync, renameSync, writeSync } from 'node:fs';
import { appendFile, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { silentLogger } from '../../api/logger.ts';
import type { ContainerStatus } from '../../runtime/contract.ts';
import type { LogOptions } from '../server/log-options.ts';
import { rotateLogs, superseded, ticksToWait } from './log-rotation.ts';
import { logStream } from './log-stream.ts';

let folder: string;
let path: string;
let ending: AbortController;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'logs-'));
  path = join(folder, '0.log');
  ending = new AbortController();
});

afterEach(async () => {
  ending.abort();
  await rm(folder, { recursive: true, force: true });
});

/** Writes numbered lines as conmon does: a new file takes the log's name in one step, some time after it is told. */
class Writer {
  #fd = openSync(path, 'w');
  #count = 0;

  write(lines: number): void {
    for (let line = 0; line < lines; line += 1) {
      this.#count += 1;
      writeSync(this.#fd, `2026-01-01T00:00:00.000000000Z stdout F ${this.#count}\n`);
    }
  }

  reopen(): void {
    closeSync(this.#fd);
    this.#fd = openSync(`${path}.tmp`, 'w');
    renameSync(`${path}.tmp`, path);
  }

  close(): void {
    closeSync(this.#fd);
  }
}

const everything: LogOptions = {
  follow: false,
  previous: false,
  timestamps: false,
  tailLines: undefined,
  sinceMs: undefined,
  limitBytes: undefined,
  streams: ['stdout', 'stderr'],
};

async function read(options: Partial<LogOptions> = {}, isDone = (): boolean => true): Promise<string[]> {
  const source = { path, isDone: async () => isDone(), onChange: () => () => undefined };
  const parts: Buffer[] = [];
  for await (const part of logStream(source, { ...everything, ...options }, ending.signal)) parts.push(part);
  return Buffer.concat(parts).toString().split('\n').slice(0, -1);
}

const numbers = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, index) => String(from + index));

const container = (state: ContainerStatus['state'] = 'running'): ContainerStatus => ({
  id: 'c1',
  sandboxId: 's1',
  name: 'main',
  attempt: 0,
  state,
  createdAt: '',
  startedAt: '',
  finishedAt: undefined,
  exitCode: undefined,
  reason: undefined,
  message: undefined,
  imageId: '',
  image: '',
  logPath: path,
  pid: 1,
});

function start(reopen: () => void, { maxBytes = 1_000, maxFiles = 3, list = () => [container()] } = {}): void {
  rotateLogs({
    runtime: { listContainers: async () => list(), reopenContainerLog: async () => reopen() },
    maxBytes,
    maxFiles,
    logger: silentLogger,
    signal: ending.signal,
    tickMs: 5,
  });
}

async function until(what: string, check: () => Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < 1_000; turn += 1) {
    if (await check()) return;
    await sleep(5);
  }
  assert.fail(`not seen: ${what}: ${(await readdir(folder)).join(' ')}`);
}

test('a log that is full is put aside; the oldest file goes, and the rest reads as one', async () => {
  const writer = new Writer();
  start(() => writer.reopen());
  for (const turn of [1, 2, 3, 4]) {
    writer.write(25);
    await until(`rotation ${turn}`, async () => (await readdir(folder)).includes(`0.log.${turn}`));
    await until('a new file', async () => (await readdir(folder)).includes('0.log'));
  }
  writer.write(5);
  await until('three files', async () => (await readdir(folder)).length === 3);
  assert.deepEqual((await readdir(folder)).sort(), ['0.log', '0.log.3', '0.log.4']);
  assert.deepEqual(await read(), numbers(51, 105));
  assert.deepEqual(await read({ tailLines: 7 }), numbers(99, 105));
  assert.deepEqual(await read({ tailLines: 5 }), numbers(101, 105));
  assert.deepEqual(await read({ tailLines: 0 }), []);
  assert.deepEqual(await read({ tailLines: 500 }), numbers(51, 105));
  writer.close();
});

test('who follows sees every line once, however often the log is rotated', async () => {
  const writer = new Writer();
  start(() => setTimeout(() => writer.reopen(), 3), { maxFiles: 100 });
  let done = false;
  const following = read({ follow: true }, () => done);
  for (let turn = 0; turn < 200; turn += 1) {
    writer.write(20);
    await sleep(turn % 3);
  }
  done = true;
  assert.deepEqual(await following, numbers(1, 4_000));
  const files = await readdir(folder);
  assert.ok(files.length > 10, files.join(' '));
  writer.close();
});

test('who comes in the middle of a rotation reads all, and follows into the next file', async () => {
  const writer = new Writer();
  writer.write(10);
  await rename(path, `${path}.1`);
  writer.write(10);
  assert.deepEqual(await read(), numbers(1, 20));
  let done = false;
  const following = read({ follow: true, tailLines: 5 }, () => done);
  await sleep(20);
  writer.write(10);
  writer.reopen();
  writer.write(10);
  done = true;
  assert.deepEqual(await following, numbers(16, 40));
  writer.close();
});

test('without follow nothing is read that came later', async () => {
  await writeFile(path, 'T stdout F 1\n');
  const source = { path, isDone: async () => true, onChange: () => () => undefined };
  const lines = logStream(source, everything, ending.signal);
  assert.equal(String((await lines.next()).value), '1\n');
  await appendFile(path, 'T stdout F 2\n');
  assert.equal((await lines.next()).done, true);
});

test('one that cannot be told keeps its file; without a file it is told again', async () => {
  const writer = new Writer();
  writer.write(100);
  let told = 0;
  start(() => {
    told += 1;
    throw new Error('nobody there');
  });
  await until('told', async () => told > 0);
  await until('as before', async () => (await readdir(folder)).join() === '0.log');
  ending.abort();
  ending = new AbortController();
  await rename(path, `${path}.1`);
  start(() => writer.reopen());
  await until('a new file', async () => (await readdir(folder)).includes('0.log'));
  writer.close();
});

test('logs of containers that do not run are left alone', async () => {
  const writer = new Writer();
  writer.write(100);
  let asked = 0;
  start(() => assert.fail('told'), {
    list: () => {
      asked += 1;
      return [container('exited')];
    },
  });
  await until('looked', async () => asked > 3);
  assert.deepEqual(await readdir(folder), ['0.log']);
  writer.close();
});

test('a log is looked at the sooner the faster it grows', () => {
  assert.equal(ticksToWait(undefined, 0, 1_000), 1);
  assert.equal(ticksToWait({ size: 0, ticks: 1 }, 0, 1_000), 10);
  assert.equal(ticksToWait({ size: 0, ticks: 1 }, 100, 1_000), 4);
  assert.equal(ticksToWait({ size: 0, ticks: 10 }, 10, 1_000), 10);
  assert.equal(ticksToWait({ size: 0, ticks: 1 }, 900, 1_000), 1);
});

test('with the new file there are as many as may be', () => {
  assert.deepEqual(superseded([], 2), []);
  assert.deepEqual(superseded([7], 2), []);
  assert.deepEqual(superseded([7, 8], 2), [7]);
  assert.deepEqual(superseded([1, 2, 3, 4, 5], 5), [1]);
});
