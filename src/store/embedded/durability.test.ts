import assert from 'node:assert/strict';
import { readFile, stat, truncate, writeFile } from 'node:fs/promises';
import test from 'node:test';
import { StoreDamaged } from './frames.ts';
import { contents, temporaryPlace } from './testing.ts';

const text = (value: string): Buffer => Buffer.from(value);

test('a reopened store has the values, their revisions and the counter', async () => {
  await using place = await temporaryPlace();
  const store = await place.open();
  await store.put('/a', text('1'), 0);
  await store.put('/b', text('2'), 0);
  await store.put('/a', text('3'), 1);
  await store.delete('/b', 2);
  await store.close();
  const again = await place.open();
  assert.deepEqual(await contents(again), { '/a': '3' });
  const value = await again.get('/a');
  assert.deepEqual([value?.modRevision, value?.createRevision, again.revision], [3, 1, 4]);
});

test('a write cut short at any byte is dropped as a whole, and the store goes on', async () => {
  await using place = await temporaryPlace();
  const store = await place.open();
  await store.put('/kept', text('kept'), 0);
  const good = (await stat(place.path)).size;
  await store.put('/last', text('a value of some length'), 0);
  await store.close();
  const whole = await readFile(place.path);
  for (let length = good; length < whole.length; length++) {
    await writeFile(place.path, whole);
    await truncate(place.path, length);
    const cut = await place.open();
    assert.deepEqual(await contents(cut), { '/kept': 'kept' }, `cut at byte ${length}`);
    assert.equal((await stat(place.path)).size, good);
    await cut.put('/next', text('next'), 0);
    await cut.close();
    const next = await place.open();
    assert.deepEqual(await contents(next), { '/kept': 'kept', '/next': 'next' });
    await next.close();
  }
});

test('one wrong bit in the last frame drops that frame; in an earlier one the store refuses to open', async () => {
  await using place = await temporaryPlace();
  const store = await place.open();
  await store.put('/first', text('first'), 0);
  const middle = (await stat(place.path)).size;
  await store.put('/last', text('last'), 0);
  await store.close();
  const whole = await readFile(place.path);
  const flipped = (at: number): Buffer => Buffer.from(whole.map((byte, index) => (index === at ? byte ^ 1 : byte)));

  for (const at of [20, 24, middle - 1]) {
    await writeFile(place.path, flipped(at));
    await assert.rejects(place.open(), StoreDamaged, `bit of byte ${at}`);
  }
  await writeFile(place.path, flipped(whole.length - 1));
  assert.deepEqual(await contents(await place.open()), { '/first': 'first' });
});

test('a file of something else is left alone', async () => {
  await using place = await temporaryPlace();
  await writeFile(place.path, 'somebody’s notes');
  await assert.rejects(place.open(), /no podwire store/);
  assert.equal(await readFile(place.path, 'utf8'), 'somebody’s notes');
});

test('a file that is mostly dead is rewritten while writes go on, and nothing is lost', async () => {
  await using place = await temporaryPlace();
  const store = await place.open({ compactAboveBytes: 64 * 1024 });
  const value = Buffer.alloc(1000, 'x');
  await store.put('/gone', text('gone'), 0);
  await store.delete('/gone', 1);
  await Promise.all(
    Array.from({ length: 8 }, async (_, writer) => {
      let revision = 0;
      for (let round = 0; round < 60; round++) {
        revision = (await store.put(`/w${writer}`, Buffer.concat([value, text(String(round))]), revision)).modRevision;
      }
    }),
  );
  await store.close();
  assert.equal(store.revision, 482);
  const { size } = await stat(place.path);
  assert.ok(size < 200 * 1024, `${size} bytes for 8 live values of 1 KB after 480 writes`);
  const again = await place.open();
  assert.equal(again.revision, 482);
  const last = Object.entries(await contents(again)).map(([key, kept]) => [key, kept.slice(1000)]);
  assert.deepEqual(
    last,
    Array.from({ length: 8 }, (_, writer) => [`/w${writer}`, '59']),
  );
});

test('the counter survives a rewrite that leaves nothing alive', async () => {
  await using place = await temporaryPlace();
  const store = await place.open({ compactAboveBytes: 100 });
  for (let round = 0; round < 10; round++) {
    const { modRevision } = await store.put('/x', text('y'.repeat(50)), 0);
    await store.delete('/x', modRevision);
  }
  await store.close();
  const again = await place.open();
  assert.deepEqual([again.revision, await contents(again)], [20, {}]);
});
