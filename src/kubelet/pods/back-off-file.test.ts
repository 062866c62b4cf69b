import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { readBackOff, writeBackOff } from './back-off-file.ts';

let folder = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'back-off-'));
});
after(() => rm(folder, { recursive: true }));

const entries = new Map([['main', { delayMs: 20_000, raisedAtMs: 1_000 }]]);

test('another agent of the same boot goes on from there', async () => {
  const path = join(folder, 'uid/back-off.json');
  await writeBackOff(path, entries);
  assert.deepEqual(await readBackOff(path), entries);
});

test('after a boot nothing is held back: what ended then ended with the machine', async () => {
  const path = join(folder, 'booted.json');
  await writeBackOff(path, entries, async () => 'the first boot');
  assert.deepEqual(await readBackOff(path, async () => 'the second'), new Map());
});

test('no file, nonsense and entries that are none hold nothing back', async () => {
  const path = join(folder, 'odd.json');
  const mark = async (): Promise<string> => 'boot';
  assert.deepEqual(await readBackOff(path, mark), new Map());
  for (const text of ['', '{', 'null', '{"boot":"boot","containers":{"main":{"delayMs":"1"}}}', '{"main":{}}']) {
    await writeFile(path, text);
    assert.deepEqual(await readBackOff(path, mark), new Map(), text);
  }
});
