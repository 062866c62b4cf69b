import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { lockFile, lockHolder } from './file-lock.ts';
import { createDirectExec } from './run-process.ts';

const folder = mkdtempSync(join(tmpdir(), 'podwire-lock-'));
after(() => rmSync(folder, { recursive: true }));

test('one has it, the other is told who; given back, the other may', async () => {
  const path = join(folder, 'new/one.lock');
  const lock = await lockFile(path, 0);
  assert.ok(lock);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.equal(await lockFile(path, 0), undefined);
  assert.equal(lockHolder(path)?.pid, process.pid);
  lock.release();
  (await lockFile(path, 0))?.release();
});

test('who waits gets it when it is given back', async () => {
  const path = join(folder, 'wait.lock');
  const lock = await lockFile(path, 0);
  const waiting = lockFile(path, 10_000);
  setTimeout(() => lock?.release(), 50);
  const second = await waiting;
  assert.ok(second);
  second.release();
});

test('a program that has it too keeps it until it ends', async () => {
  const path = join(folder, 'handed.lock');
  const lock = await lockFile(path, 0);
  assert.ok(lock);
  const program = lock.handOn(createDirectExec()).run({ argv: ['sleep', '0.3'] });
  lock.release();
  assert.equal(await lockFile(path, 0), undefined);
  await program;
  const next = await lockFile(path, 5_000);
  assert.ok(next);
  next.release();
});

test('a holder that is no more is nobody', () => assert.equal(lockHolder(join(folder, 'none.lock')), undefined));
